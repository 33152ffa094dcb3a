//! The database: every SQL statement is here. The schema is not made here but by the files in `migrations/`, which are
//! applied before a release that needs them takes over.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, Row, params};
use tokio::task;

use crate::entry::{Entry, Mood, Signature};

/// The entries shown at once.
const SHOWN: u32 = 50;

/// How long to wait for another process that is writing: the release before us serves on while we take over.
const BUSY: Duration = Duration::from_secs(5);

/// The guestbook's database. Clones share it.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    /// Connections that nobody uses at the moment. There are as many as queries ever ran at once.
    idle: Mutex<Vec<Connection>>,
}

/// What the front page shows.
#[derive(Debug)]
pub struct Newest {
    /// The newest entries, the newest first, as many as are shown at once.
    pub entries: Vec<Entry>,
    /// How many there are in all.
    pub total: i64,
    /// The database's clock, in seconds since 1970.
    pub now: i64,
}

/// Why the database did not do what it should.
#[derive(Debug)]
pub enum StoreError {
    /// The schema is not the one that this release works with.
    Schema(String),
    /// Anything else that SQLite says.
    Sqlite(rusqlite::Error),
    /// The work was given up halfway: a defect, whose message is in the log.
    Interrupted,
}

impl Store {
    /// Opens the database and makes sure that its schema serves this release.
    pub fn open(path: &Path) -> Result<Self, String> {
        let shared = Shared {
            path: path.to_owned(),
            idle: Mutex::new(Vec::new()),
        };
        let open = || -> Result<(), StoreError> {
            let connection = shared.connect()?;
            newest(&connection)?;
            shared.put_back(connection);
            Ok(())
        };
        match open() {
            Ok(()) => Ok(Store {
                shared: Arc::new(shared),
            }),
            Err(error) => Err(format!("the database {}: {error}", path.display())),
        }
    }

    /// The newest entries.
    pub async fn newest(&self) -> Result<Newest, StoreError> {
        self.run(newest).await
    }

    /// Adds an entry.
    pub async fn sign(&self, signature: Signature) -> Result<(), StoreError> {
        self.run(move |connection| sign(connection, &signature))
            .await
    }

    /// Runs a query away from the threads that serve connections.
    async fn run<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.shared);
        let work = move || {
            let connection = match shared.idle().pop() {
                Some(connection) => connection,
                None => shared.connect()?,
            };
            let answer = query(&connection);
            shared.put_back(connection);
            answer
        };
        task::spawn_blocking(work)
            .await
            .unwrap_or(Err(StoreError::Interrupted))
    }
}

impl Shared {
    fn connect(&self) -> Result<Connection, StoreError> {
        // No CREATE: a database that is not there is a mistake, not a new guestbook.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(BUSY)?;
        // With a write-ahead log readers never wait for a writer, be it this release or the one before.
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        Ok(connection)
    }

    fn put_back(&self, connection: Connection) {
        self.idle().push(connection);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        // A panic elsewhere leaves the list whole: it is only ever pushed to and popped from.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn newest(connection: &Connection) -> Result<Newest, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, name, message, signed_at, strftime('%Y-%m-%dT%H:%M:%SZ', signed_at, 'unixepoch'), mood
         FROM entries ORDER BY id DESC LIMIT ?1",
    )?;
    let entries: Vec<Entry> = statement
        .query_map(params![SHOWN], entry)?
        .collect::<Result<_, _>>()?;
    let mut clock = connection.prepare_cached("SELECT unixepoch()")?;
    Ok(Newest {
        // No entry is ever removed, so the newest one's place is their number; counting would read them all.
        total: entries.first().map_or(0, |entry| entry.id),
        now: clock.query_row([], |row| row.get(0))?,
        entries,
    })
}

fn sign(connection: &Connection, signature: &Signature) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO entries (name, message, signed_at, mood) VALUES (?1, ?2, unixepoch(), ?3)",
        )?
        .execute(params![
            signature.name,
            signature.message,
            signature.mood.map(Mood::word)
        ])?;
    Ok(())
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let mood: Option<String> = row.get(5)?;
    Ok(Entry {
        id: row.get(0)?,
        name: row.get(1)?,
        message: row.get(2)?,
        signed_at: row.get(3)?,
        signed: row.get(4)?,
        mood: mood.as_deref().and_then(Mood::of_word),
    })
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        // Our statements make sense, so one that SQLite cannot understand is about the schema.
        match error {
            rusqlite::Error::SqlInputError { msg, .. } => StoreError::Schema(msg),
            error if error.sqlite_error_code() == Some(ErrorCode::Unknown) => {
                StoreError::Schema(error.to_string())
            }
            error => StoreError::Sqlite(error),
        }
    }
}

impl std::error::Error for StoreError {}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Schema(why) => write!(
                f,
                "the schema does not fit this release ({why}); apply the files in migrations/ first"
            ),
            StoreError::Sqlite(error) => write!(f, "{error}"),
            StoreError::Interrupted => f.write_str("the query was given up halfway"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    fn signature(name: &str) -> Signature {
        Signature {
            name: name.into(),
            message: "calm water".into(),
            mood: Some(Mood::Merry),
        }
    }

    #[test]
    fn the_newest_come_first_and_all_are_counted() {
        let scratch = Scratch::migrated("newest");
        let store = Store::open(scratch.path()).unwrap();
        let connection = store.shared.connect().unwrap();
        assert_eq!(newest(&connection).unwrap().total, 0);
        for n in 1..=SHOWN + 10 {
            sign(&connection, &signature(&format!("boat {n}"))).unwrap();
        }
        let newest = newest(&connection).unwrap();
        assert_eq!(newest.total, 60);
        assert_eq!(newest.entries.len(), 50);
        assert_eq!(newest.entries[0].name, "boat 60");
        assert!(newest.entries[0].signed.ends_with('Z'));
        assert!((newest.now - newest.entries[0].signed_at).abs() < 60);
    }

    #[test]
    fn an_entry_of_the_release_before_has_no_mood() {
        let scratch = Scratch::migrated("mood");
        let store = Store::open(scratch.path()).unwrap();
        let connection = store.shared.connect().unwrap();
        sign(&connection, &signature("new boat")).unwrap();
        let before = "INSERT INTO entries (name, message, signed_at) VALUES ('old boat', 'x', 0)";
        connection.execute(before, []).unwrap();
        let entries = newest(&connection).unwrap().entries;
        let moods: Vec<_> = entries.iter().map(|entry| entry.mood).collect();
        assert_eq!(moods, [None, Some(Mood::Merry)]);
    }

    #[test]
    fn two_releases_share_the_database() {
        let scratch = Scratch::migrated("shared");
        let stores = [(); 2].map(|()| Store::open(scratch.path()).unwrap());
        std::thread::scope(|scope| {
            for store in &stores {
                scope.spawn(|| {
                    let connection = store.shared.connect().unwrap();
                    for _ in 0..100 {
                        sign(&connection, &signature("boat")).unwrap();
                    }
                });
            }
        });
        let connection = stores[0].shared.connect().unwrap();
        assert_eq!(newest(&connection).unwrap().total, 200);
    }

    #[test]
    fn a_missing_table_column_or_file_is_told_clearly() {
        let scratch = Scratch::empty("unmigrated");
        let why = Store::open(scratch.path()).err().unwrap();
        assert!(why.contains("no such table: entries"), "{why}");
        assert!(why.contains("migrations/"), "{why}");
        let connection = Connection::open(scratch.path()).unwrap();
        connection
            .execute_batch("CREATE TABLE entries (id INTEGER PRIMARY KEY)")
            .unwrap();
        let why = Store::open(scratch.path()).err().unwrap();
        assert!(why.contains("(no such column: name)"), "{why}");
        assert!(why.contains("migrations/"), "{why}");
        let why = Store::open(Path::new("/nowhere/book.sqlite"))
            .err()
            .unwrap();
        assert!(why.contains("/nowhere/book.sqlite"), "{why}");
    }
}
