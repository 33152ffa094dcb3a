//! Taking a snapshot with `mysqldump`, and putting one back with `mysql`: what the servers themselves bring.
//!
//! A statement that makes a table ends every transaction, so a restore is not one: cut short, it leaves a part, and is
//! to be run again, from the same snapshot.

use std::{
    collections::BTreeMap,
    path::{Path, absolute},
    process::Stdio,
};

use sqlx::{AssertSqlSafe, Connection as _};
use tokio::{
    fs::File,
    io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _, copy},
    process::Command,
};

use super::{Mysql, dumped::Counter, quoted};
use crate::{
    DatabaseError, Snapshot, SnapshotError,
    engine::{
        partial::Partial,
        programs::{find, refused, unrunnable},
    },
};

/// What a dump ends with that is whole.
const END: &str = "-- Dump completed";

impl Mysql {
    pub(in crate::engine) async fn snapshot(&self, to: &Path) -> Result<Snapshot, SnapshotError> {
        let connection = self.connect().await?;
        connection
            .close()
            .await
            .map_err(|error| self.error(&error))?;
        let file = |source| SnapshotError::File {
            path: to.to_owned(),
            source,
        };
        let to = absolute(to).map_err(file)?;
        let partial = Partial::create(&to)?;
        let mut command = self.program(&["mariadb-dump", "mysqldump"])?;
        command
            .args([
                "--single-transaction",
                "--routines",
                "--triggers",
                "--events",
                "--hex-blob",
            ])
            .arg("--result-file")
            .arg(partial.path())
            .arg(self.name());
        let output = command
            .output()
            .await
            .map_err(|error| unrunnable("mysqldump", &error.to_string()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(refused("mysqldump", &said));
        }
        partial.publish(&to)
    }

    pub(in crate::engine) async fn restore(&self, from: &Path) -> Result<(), SnapshotError> {
        refuse_unfit(from).await?;
        let held = self.lock(|_| {}).await?;
        let restored = self.replay(from).await;
        let closed = held.close().await.map_err(|error| self.error(&error));
        restored?;
        Ok(closed?)
    }

    /// How many rows each table has in a snapshot, by its text.
    pub(in crate::engine) async fn rows_in(
        &self,
        from: &Path,
    ) -> Result<BTreeMap<String, i64>, SnapshotError> {
        refuse_unfit(from).await?;
        let mut counter = Counter::default();
        let counted = async {
            let mut file = File::open(from).await?;
            let mut chunk = vec![0; 1 << 20];
            loop {
                match file.read(&mut chunk).await? {
                    0 => return Ok(()),
                    count => counter.push(&chunk[..count]),
                }
            }
        };
        counted.await.map_err(|source| SnapshotError::File {
            path: from.to_owned(),
            source,
        })?;
        Ok(counter.rows())
    }

    /// Takes everything away: table by table, so that one that was cut short is to be run again.
    pub(in crate::engine) async fn clear(&self) -> Result<(), SnapshotError> {
        let held = self.lock(|_| {}).await?;
        let cleared = self.empty().await;
        let closed = held.close().await.map_err(|error| self.error(&error));
        cleared?;
        Ok(closed?)
    }

    async fn replay(&self, from: &Path) -> Result<(), SnapshotError> {
        self.empty().await?;
        let mut command = self.program(&["mariadb", "mysql"])?;
        command.arg(self.name()).stdin(Stdio::piped());
        let mut client = command
            .spawn()
            .map_err(|error| unrunnable("mysql", &error.to_string()))?;
        let Some(mut into) = client.stdin.take() else {
            return Err(unrunnable("mysql", "it has no input"));
        };
        let mut file = File::open(from)
            .await
            .map_err(|source| SnapshotError::File {
                path: from.to_owned(),
                source,
            })?;
        let feed = async {
            // A client that has ended takes no more; why, it says itself.
            let _ = copy(&mut file, &mut into).await;
            let _ = into.shutdown().await;
            drop(into);
        };
        let ((), ended) = tokio::join!(feed, client.wait_with_output());
        let output = ended.map_err(|error| unrunnable("mysql", &error.to_string()))?;
        match output.status.success() {
            true => Ok(()),
            false => Err(refused("mysql", &String::from_utf8_lossy(&output.stderr))),
        }
    }

    /// Takes away everything that the snapshot will make anew, and what it does not have.
    async fn empty(&self) -> Result<(), SnapshotError> {
        let failed = |error: sqlx::Error| self.error(&error);
        let mut connection = self.connect().await?;
        let things: Vec<(String, String)> = sqlx::query_as(
            "SELECT CAST(kind AS CHAR), CAST(name AS CHAR) FROM (
                 SELECT CASE WHEN table_type = 'VIEW' THEN 'VIEW' ELSE 'TABLE' END AS kind, table_name AS name
                 FROM information_schema.tables WHERE table_schema = database()
                 UNION ALL SELECT routine_type, routine_name FROM information_schema.routines
                 WHERE routine_schema = database()
                 UNION ALL SELECT 'EVENT', event_name FROM information_schema.events WHERE event_schema = database()
             ) AS things",
        )
        .fetch_all(&mut connection)
        .await
        .map_err(failed)?;
        let mut sql = "SET foreign_key_checks = 0;\n".to_owned();
        for (kind, name) in things {
            sql += &format!("DROP {kind} IF EXISTS {};\n", quoted(&name));
        }
        let emptied = sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut connection)
            .await;
        connection.close().await.map_err(failed)?;
        Ok(emptied.map(drop).map_err(failed)?)
    }

    /// The first of these programs that is there. The password is in its environment, not in its arguments, which
    /// everybody on the machine can read.
    fn program(&self, names: &[&str]) -> Result<Command, SnapshotError> {
        let path = names.iter().find_map(|name| find(name, &[]));
        let path = path.ok_or_else(|| SnapshotError::Program {
            name: names.join(" or "),
        })?;
        let mut command = Command::new(path);
        // Before everything else: not what the machine says for another server.
        command.arg("--no-defaults");
        for (name, value) in &self.client.arguments {
            command.arg(format!("--{name}={value}"));
        }
        if let Some(password) = &self.client.password {
            command.env("MYSQL_PWD", password);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Ok(command)
    }
}

/// Refuses a file that is no whole dump before anything is touched.
async fn refuse_unfit(from: &Path) -> Result<(), SnapshotError> {
    const TAIL: u64 = 200;
    let file = |source| SnapshotError::File {
        path: from.to_owned(),
        source,
    };
    if !from.exists() {
        return Err(DatabaseError::Absent {
            database: from.display().to_string(),
        }
        .into());
    }
    let mut dump = File::open(from).await.map_err(file)?;
    let length = dump.metadata().await.map_err(file)?.len();
    let start = std::io::SeekFrom::Start(length.saturating_sub(TAIL));
    dump.seek(start).await.map_err(file)?;
    let mut tail = Vec::new();
    dump.read_to_end(&mut tail).await.map_err(file)?;
    if String::from_utf8_lossy(&tail).contains(END) {
        return Ok(());
    }
    Err(SnapshotError::Damaged {
        path: from.to_owned(),
        finding: format!("it does not end with `{END}`"),
    })
}
