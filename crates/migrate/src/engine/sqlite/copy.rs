//! SQLite's online backup (<https://www.sqlite.org/backup.html>), which sqlx does not offer: the one file with unsafe code.
//!
//! It copies pages, in one transaction of the destination. So a copy is exact where `VACUUM INTO` would renumber the rows
//! of tables without an INTEGER PRIMARY KEY, to which full-text indexes may refer; and a destination can be replaced
//! while others have it open, where renaming a file over it would leave them writing to one that is gone.

#![expect(
    unsafe_code,
    reason = "a C interface that no safe crate offers beside sqlx"
)]

use std::{
    ffi::{CStr, CString, c_int},
    path::{Path, PathBuf},
    ptr::{self, NonNull},
    time::Duration,
};

use libsqlite3_sys as ffi;

use super::classify;
use crate::DatabaseError;

/// Makes `to`'s content that of `from`. Both are files that exist; each may be in use. Blocks its thread.
pub(super) fn copy(from: &Path, to: &Path, patience: Duration) -> Result<(), DatabaseError> {
    let source = Connection::open(from, patience)?;
    let destination = Connection::open(to, patience)?;
    // SAFETY: both handles are open until the end of this function, and only this thread uses them.
    let backup = unsafe {
        ffi::sqlite3_backup_init(
            destination.handle.as_ptr(),
            c"main".as_ptr(),
            source.handle.as_ptr(),
            c"main".as_ptr(),
        )
    };
    if backup.is_null() {
        return Err(destination.error());
    }
    // All pages in one step, so that no writer makes it begin anew; in WAL mode none has to wait for it either.
    // SAFETY: the backup was made above, and is finished exactly once below.
    let (stepped, finished) = unsafe {
        (
            ffi::sqlite3_backup_step(backup, -1),
            ffi::sqlite3_backup_finish(backup),
        )
    };
    match (stepped, finished) {
        (ffi::SQLITE_DONE, ffi::SQLITE_OK) => Ok(()),
        (ffi::SQLITE_DONE, _) => Err(destination.error()),
        // A refused lock is told by the step alone.
        (code, _) => Err(classify(to, code, &message(code))),
    }
}

/// A connection of SQLite's own interface, closed when dropped.
struct Connection {
    handle: NonNull<ffi::sqlite3>,
    path: PathBuf,
}

impl Connection {
    fn open(path: &Path, patience: Duration) -> Result<Connection, DatabaseError> {
        let unopenable = |message: String| DatabaseError::Open {
            database: path.display().to_string(),
            message,
        };
        let name = path.to_str().and_then(|path| CString::new(path).ok());
        let name = name.ok_or_else(|| unopenable("its path is not UTF-8".into()))?;
        let mut handle = ptr::null_mut();
        let flags = ffi::SQLITE_OPEN_READWRITE | ffi::SQLITE_OPEN_NOMUTEX;
        // SAFETY: the name ends with a NUL and outlives the call; no file system module is named.
        let code =
            unsafe { ffi::sqlite3_open_v2(name.as_ptr(), &raw mut handle, flags, ptr::null()) };
        // Even when opening fails there is a handle, which holds the message and must be closed.
        let handle = NonNull::new(handle).ok_or_else(|| unopenable(message(code)))?;
        let connection = Connection {
            handle,
            path: path.to_owned(),
        };
        if code != ffi::SQLITE_OK {
            return Err(connection.error());
        }
        let patience = c_int::try_from(patience.as_millis()).unwrap_or(c_int::MAX);
        // SAFETY: the handle is open.
        unsafe { ffi::sqlite3_busy_timeout(handle.as_ptr(), patience) };
        Ok(connection)
    }

    /// Why the last call failed.
    fn error(&self) -> DatabaseError {
        // SAFETY: the handle is open; the message is copied before any other call could change it.
        let (code, message) = unsafe {
            let message = ffi::sqlite3_errmsg(self.handle.as_ptr());
            let message = CStr::from_ptr(message).to_string_lossy().into_owned();
            (ffi::sqlite3_extended_errcode(self.handle.as_ptr()), message)
        };
        classify(&self.path, code, &message)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: the handle is open, and nothing that belongs to it is left.
        unsafe { ffi::sqlite3_close(self.handle.as_ptr()) };
    }
}

/// SQLite's words for a result code.
fn message(code: c_int) -> String {
    // SAFETY: answers with a text that lives as long as the program, for any code.
    let text = unsafe { CStr::from_ptr(ffi::sqlite3_errstr(code)) };
    text.to_string_lossy().into_owned()
}
