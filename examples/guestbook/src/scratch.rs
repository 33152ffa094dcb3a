//! Databases for tests: a file each, removed in the end. The integration tests use this file too.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
};

use rusqlite::Connection;

/// A database in a file of its own.
pub struct Scratch(PathBuf);

impl Scratch {
    /// With the schema of `migrations/`.
    pub fn migrated(name: &str) -> Self {
        let scratch = Scratch::empty(name);
        let connection = Connection::open(&scratch.0).expect("the file was made right above");
        for file in migrations() {
            let sql = fs::read_to_string(file).expect("a migration is text");
            connection.execute_batch(&sql).expect("a migration is SQL");
        }
        scratch
    }

    /// With no schema.
    pub fn empty(name: &str) -> Self {
        let file = format!("guestbook-{}-{name}.sqlite", process::id());
        let path = env::temp_dir().join(file);
        // A name that is no longer in use may come back with the process id.
        let scratch = Scratch(path);
        scratch.remove();
        fs::write(&scratch.0, []).expect("the temporary directory can be written to");
        scratch
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.0
    }

    fn remove(&self) {
        for suffix in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(format!("{}{suffix}", self.0.display()));
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.remove();
    }
}

/// The migrations' files in their order.
fn migrations() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let files = fs::read_dir(directory).expect("there is a directory of migrations");
    let mut files: Vec<PathBuf> = files.flatten().map(|file| file.path()).collect();
    files.sort();
    files
}
