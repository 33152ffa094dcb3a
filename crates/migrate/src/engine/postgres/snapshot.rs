//! Taking a snapshot with `pg_dump`, and putting one back with `pg_restore` and `psql`: what PostgreSQL itself brings.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf, absolute},
    process::Stdio,
};

use sqlx::{AssertSqlSafe, Connection as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy},
    process::Command,
};

use super::{Postgres, dumped::Counter, quoted};
use crate::{
    DatabaseError, Layout, Snapshot, SnapshotError,
    engine::{
        partial::Partial,
        programs::{find, refused, unrunnable},
    },
};

/// Where its programs are where they are on no search path: a folder for each version.
const ELSEWHERE: &str = "/usr/lib/postgresql";

impl Postgres {
    pub(in crate::engine) async fn snapshot(&self, to: &Path) -> Result<Snapshot, SnapshotError> {
        self.refuse_absent().await?;
        let file = |source| SnapshotError::File {
            path: to.to_owned(),
            source,
        };
        let to = absolute(to).map_err(file)?;
        let partial = Partial::create(&to)?;
        let mut command = self.program("pg_dump")?;
        command
            .args(["--format=custom", "--no-password", "--file"])
            .arg(partial.path());
        run(command, "pg_dump").await?;
        partial.publish(&to)
    }

    pub(in crate::engine) async fn restore(
        &self,
        from: &Path,
        key: &str,
    ) -> Result<(), SnapshotError> {
        refuse_missing(from)?;
        let mut list = self.program("pg_restore")?;
        list.arg("--list").arg(from);
        let contents = run(list, "pg_restore")
            .await
            .map_err(|error| damaged(from, &error))?;
        let held = self.lock(key, Layout::Sqlx, |_| {}).await?;
        let restored = self.replay(from, &contents).await;
        let closed = held.close().await.map_err(|error| self.error(&error));
        restored?;
        Ok(closed?)
    }

    /// How many rows each table has in a snapshot, by its data.
    pub(in crate::engine) async fn rows_in(
        &self,
        from: &Path,
    ) -> Result<BTreeMap<String, i64>, SnapshotError> {
        refuse_missing(from)?;
        let mut command = self.program("pg_restore")?;
        command
            .args(["--data-only", "--file=-"])
            .arg(from)
            .stdout(Stdio::piped());
        let mut source = spawn(command, "pg_restore")?;
        let Some(mut text) = source.stdout.take() else {
            return Err(unrunnable("pg_restore", "it has no output"));
        };
        let mut counter = Counter::default();
        let counted = async {
            let mut chunk = vec![0; 64 << 10];
            loop {
                match text.read(&mut chunk).await? {
                    0 => return source.wait_with_output().await,
                    count => counter.push(&chunk[..count]),
                }
            }
        };
        let ended = counted
            .await
            .map_err(|error| unrunnable("pg_restore", &error.to_string()))?;
        if !ended.status.success() {
            let said = String::from_utf8_lossy(&ended.stderr);
            return Err(damaged(from, &refused("pg_restore", &said)));
        }
        Ok(counter.rows())
    }

    /// Takes everything away, in one transaction.
    pub(in crate::engine) async fn clear(&self, key: &str) -> Result<(), SnapshotError> {
        let held = self.lock(key, Layout::Sqlx, |_| {}).await?;
        let cleared = self.empty().await;
        let closed = held.close().await.map_err(|error| self.error(&error));
        cleared?;
        Ok(closed?)
    }

    async fn empty(&self) -> Result<(), SnapshotError> {
        let failed = |error: sqlx::Error| self.error(&error);
        let sql = format!("BEGIN;\n{}COMMIT;\n", self.preface("").await?);
        let mut connection = self.connect().await?;
        let emptied = sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut connection)
            .await;
        connection.close().await.map_err(failed)?;
        Ok(emptied.map(drop).map_err(failed)?)
    }

    /// Everything goes and comes in one transaction: a crash leaves the one or the other.
    async fn replay(&self, from: &Path, contents: &str) -> Result<(), SnapshotError> {
        let preface = self.preface(contents).await?;
        let mut source = self.program("pg_restore")?;
        source.args(["--file=-"]).arg(from).stdout(Stdio::piped());
        let mut target = self.program("psql")?;
        target
            .args([
                "--no-psqlrc",
                "--quiet",
                "--no-password",
                "--single-transaction",
            ])
            .args(["--set=ON_ERROR_STOP=1", "--output=/dev/null", "--file=-"])
            .stdin(Stdio::piped());
        let (mut source, mut target) = (spawn(source, "pg_restore")?, spawn(target, "psql")?);
        let (Some(mut out), Some(mut into)) = (source.stdout.take(), target.stdin.take()) else {
            return Err(unrunnable("psql", "it has no input"));
        };
        // Read all the while: what psql complains of must not fill a pipe that nobody empties.
        let mut errors = target.stderr.take();
        let complaints = tokio::spawn(async move {
            let mut text = Vec::new();
            if let Some(errors) = &mut errors {
                // What was read until it failed is what there is.
                let _ = errors.read_to_end(&mut text).await;
            }
            String::from_utf8_lossy(&text).into_owned()
        });
        let fed = async {
            into.write_all(preface.as_bytes()).await?;
            copy(&mut out, &mut into).await?;
            source.wait_with_output().await
        };
        match fed.await {
            // The transaction is committed at the input's end, which is not to come after half of it.
            Ok(output) if !output.status.success() => {
                let _ = target.kill().await;
                let said = String::from_utf8_lossy(&output.stderr);
                return Err(damaged(from, &refused("pg_restore", &said)));
            }
            Ok(_) => drop(into),
            // psql that has ended takes no more; why, it says itself.
            Err(_) => {
                let _ = target.start_kill();
            }
        }
        let status = target
            .wait()
            .await
            .map_err(|error| unrunnable("psql", &error.to_string()))?;
        match status.success() {
            true => Ok(()),
            false => Err(refused("psql", &complaints.await.unwrap_or_default())),
        }
    }

    /// What makes room for the snapshot.
    async fn preface(&self, contents: &str) -> Result<String, SnapshotError> {
        let mut connection = self.connect().await?;
        let found: Result<(Vec<String>, i32), _> = sqlx::query_as(
            "SELECT coalesce(array_agg(nspname::text ORDER BY nspname), '{}'), current_setting('server_version_num')::int
             FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'",
        )
        .fetch_one(&mut connection)
        .await;
        connection
            .close()
            .await
            .map_err(|error| self.error(&error))?;
        let (schemas, version) = found.map_err(|error| self.error(&error))?;
        let mut sql = format!(
            "SET client_min_messages = warning;\nSET lock_timeout = {};\n",
            self.patience.as_millis()
        );
        for schema in schemas {
            sql += &format!("DROP SCHEMA {} CASCADE;\n", quoted(&schema));
        }
        sql += "SELECT lo_unlink(oid) FROM pg_largeobject_metadata;\n";
        // The one schema that a dump takes for granted, unless somebody has made it theirs.
        let own_public = contents
            .lines()
            .any(|line| line.contains(" SCHEMA - public "));
        if !own_public {
            sql += match version {
                150_000.. => {
                    "CREATE SCHEMA public AUTHORIZATION pg_database_owner;\nGRANT USAGE ON SCHEMA public TO PUBLIC;\n"
                }
                _ => "CREATE SCHEMA public;\nGRANT ALL ON SCHEMA public TO PUBLIC;\n",
            };
        }
        Ok(sql)
    }

    /// One of PostgreSQL's programs, told where the database is. The password is in its environment, not in its
    /// arguments, which everybody on the machine can read.
    fn program(&self, name: &str) -> Result<Command, SnapshotError> {
        let path = find(name, &elsewhere()).ok_or_else(|| SnapshotError::Program {
            name: name.to_owned(),
        })?;
        let mut command = Command::new(path);
        command
            .envs(&self.variables)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Ok(command)
    }
}

fn refuse_missing(from: &Path) -> Result<(), SnapshotError> {
    match from.exists() {
        true => Ok(()),
        false => Err(DatabaseError::Absent {
            database: from.display().to_string(),
        }
        .into()),
    }
}

/// The folders of its versions, the newest first: that one can do what the others can.
fn elsewhere() -> Vec<PathBuf> {
    let mut versions: Vec<PathBuf> = fs::read_dir(ELSEWHERE)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    versions.sort_by_key(|path| {
        let number = path.file_name().and_then(|name| name.to_str());
        std::cmp::Reverse(number.and_then(|number| number.parse::<u32>().ok()))
    });
    versions
        .into_iter()
        .map(|version| version.join("bin"))
        .collect()
}

fn spawn(mut command: Command, name: &str) -> Result<tokio::process::Child, SnapshotError> {
    command
        .spawn()
        .map_err(|error| unrunnable(name, &error.to_string()))
}

/// Runs a program to its end; answers with what it printed.
async fn run(mut command: Command, name: &str) -> Result<String, SnapshotError> {
    let output = command
        .stdout(Stdio::piped())
        .output()
        .await
        .map_err(|error| unrunnable(name, &error.to_string()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(refused(name, &String::from_utf8_lossy(&output.stderr)))
}

fn damaged(path: &Path, error: &SnapshotError) -> SnapshotError {
    let finding = match error {
        SnapshotError::Database(error) => error.detail(),
        error => error.to_string(),
    };
    SnapshotError::Damaged {
        path: path.to_owned(),
        finding,
    }
}
