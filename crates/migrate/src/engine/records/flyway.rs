//! Flyway's table (11, `JdbcTableSchemaHistory` and `SQLiteDatabase`): a row for each thing it has done, by rank.
//!
//! Understood are migrations in SQL, what undid them, what `repair` marked as deleted, and the row for a schema that
//! Flyway has made. A baseline or a migration in Java means that the set does not say all there is.
//!
//! A row without a version is one application of a repeatable migration, which is known by its description; the last of
//! them says what is there.

use super::native::{Recorded, epoch_ms, integer};
use crate::{
    Layout, Migration, NativeRow, Version,
    classify::Dialect,
    engine::connection::{Connection, Row},
    layout::flyway,
};

const SQLITE: &str = r#"
CREATE TABLE IF NOT EXISTS flyway_schema_history (
    "installed_rank" INT NOT NULL PRIMARY KEY,
    "version" VARCHAR(50),
    "description" VARCHAR(200) NOT NULL,
    "type" VARCHAR(20) NOT NULL,
    "script" VARCHAR(1000) NOT NULL,
    "checksum" INT,
    "installed_by" VARCHAR(100) NOT NULL,
    "installed_on" TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f','now')),
    "execution_time" INT NOT NULL,
    "success" BOOLEAN NOT NULL
);
CREATE INDEX IF NOT EXISTS "flyway_schema_history_s_idx" ON "flyway_schema_history" ("success");
"#;

const POSTGRES: &str = "
CREATE TABLE IF NOT EXISTS flyway_schema_history (
    installed_rank INT NOT NULL,
    version VARCHAR(50),
    description VARCHAR(200) NOT NULL,
    type VARCHAR(20) NOT NULL,
    script VARCHAR(1000) NOT NULL,
    checksum INTEGER,
    installed_by VARCHAR(100) NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT now(),
    execution_time INTEGER NOT NULL,
    success BOOLEAN NOT NULL,
    CONSTRAINT flyway_schema_history_pk PRIMARY KEY (installed_rank)
);
CREATE INDEX IF NOT EXISTS flyway_schema_history_s_idx ON flyway_schema_history (success);
";

const MYSQL: &str = "
CREATE TABLE IF NOT EXISTS flyway_schema_history (
    installed_rank INT NOT NULL,
    version VARCHAR(50),
    description VARCHAR(200) NOT NULL,
    type VARCHAR(20) NOT NULL,
    script VARCHAR(1000) NOT NULL,
    checksum INT,
    installed_by VARCHAR(100) NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    execution_time INT NOT NULL,
    success BOOL NOT NULL,
    CONSTRAINT flyway_schema_history_pk PRIMARY KEY (installed_rank),
    INDEX flyway_schema_history_s_idx (success)
)";

/// How long Flyway lets the name of a file be.
const LONGEST_SCRIPT: usize = 1000;

/// The statements that make the table where it is missing.
pub(super) fn table(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => SQLITE,
        Dialect::Postgres => POSTGRES,
        Dialect::Mysql => MYSQL,
    }
}

pub(super) async fn read(connection: &mut Connection) -> Result<Recorded, sqlx::Error> {
    let dialect = connection.dialect();
    let sql = format!(
        "SELECT version, description, type AS kind, checksum,
                CASE WHEN success THEN 1 ELSE 0 END AS success, {} AS installed_at_ms,
                CAST(execution_time AS {}) AS took_ms
         FROM flyway_schema_history ORDER BY installed_rank",
        epoch_ms(dialect, "installed_on"),
        integer(dialect)
    );
    let mut recorded = Recorded::default();
    for row in connection.rows(&sql, &[]).await? {
        let version = match row.maybe("version")? {
            Some(text) => flyway::recorded_version(&text),
            None => Some(Version::repeatable(&row.text("description")?)),
        };
        let success = row.flag("success")?;
        match (row.text("kind")?.as_str(), version) {
            ("SCHEMA", _) => {}
            ("SQL", Some(version)) => {
                let row = native(&row, version, success)?;
                recorded.rows.insert(version, row);
            }
            ("UNDO_SQL" | "DELETE", Some(version)) if success => {
                recorded.rows.remove(&version);
            }
            _ => recorded.unread = true,
        }
    }
    Ok(recorded)
}

fn native(row: &Row, version: Version, success: bool) -> Result<NativeRow, sqlx::Error> {
    Ok(NativeRow {
        version,
        description: row.text("description")?,
        success,
        checksum: row.maybe("checksum")?,
        installed_at_ms: row.integer("installed_at_ms")?,
        took_ms: row.integer("took_ms")?.max(0),
    })
}

/// Writes a row, or ends the one that says that the migration has not succeeded.
pub(super) async fn put(
    connection: &mut Connection,
    migration: &Migration,
    success: bool,
    took_ms: i64,
) -> Result<(), sqlx::Error> {
    let (which, known_by) = which(migration);
    let checksums = Layout::Flyway.checksums(migration, &migration.up);
    let checksum: Option<i64> = checksums.first().and_then(|text| text.parse().ok());
    // The text may be another than that which was begun.
    let ended = connection
        .write(
            &format!(
                "UPDATE flyway_schema_history SET success = ?, execution_time = ?, checksum = ?
                 WHERE {which} AND type = 'SQL' AND NOT success"
            ),
            &[
                success.into(),
                took_ms.into(),
                checksum.into(),
                known_by.into(),
            ],
        )
        .await?;
    if ended > 0 {
        return Ok(());
    }
    let by = match connection.dialect() {
        Dialect::Sqlite => "''",
        Dialect::Postgres => "CAST(current_user AS VARCHAR(100))",
        Dialect::Mysql => "substring_index(current_user(), '@', 1)",
    };
    // Not in the same statement: MySQL does not read from the table that it writes to.
    let rows = connection
        .rows(
            "SELECT max(installed_rank) AS rank_before FROM flyway_schema_history",
            &[],
        )
        .await?;
    let before = rows
        .first()
        .map_or(Ok(0), |row| row.integer("rank_before"))?;
    let sql = format!(
        "INSERT INTO flyway_schema_history
         (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success)
         VALUES (?, ?, ?, 'SQL', ?, ?, {by}, ?, ?)"
    );
    let description = beginning(&migration.name, flyway::LONGEST_DESCRIPTION);
    let script = end(&migration.file, LONGEST_SCRIPT);
    let written = (!migration.version.is_repeatable()).then_some(&migration.written);
    let values = [
        (before + 1).into(),
        written.into(),
        (&description).into(),
        (&script).into(),
        checksum.into(),
        took_ms.into(),
        success.into(),
    ];
    connection.write(&sql, &values).await.map(drop)
}

/// How a migration's rows are known: those of a repeatable one have no version.
fn which(migration: &Migration) -> (&'static str, &str) {
    match migration.version.is_repeatable() {
        true => ("version IS NULL AND description = ?", &migration.name),
        false => ("version = ?", &migration.written),
    }
}

/// Whether a row says that a migration is applied or begun; for a repeatable one, that its last application was of this text.
pub(super) async fn is_there(
    connection: &mut Connection,
    migration: &Migration,
) -> Result<bool, sqlx::Error> {
    let (which, known_by) = which(migration);
    let sql = format!(
        "SELECT checksum FROM flyway_schema_history WHERE {which} ORDER BY installed_rank DESC LIMIT 1"
    );
    let rows = connection.rows(&sql, &[known_by.into()]).await?;
    let Some(last) = rows.first() else {
        return Ok(false);
    };
    let recorded = last.maybe("checksum")?;
    Ok(!migration.version.is_repeatable() || flyway::is_current(migration, recorded.as_ref()))
}

/// A text with dots in place of what is too much at its end.
fn beginning(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    let kept: String = text.chars().take(longest - 3).collect();
    format!("{kept}...")
}

/// A text with dots in place of what is too much at its beginning.
fn end(text: &str, longest: usize) -> String {
    let length = text.chars().count();
    if length <= longest {
        return text.to_owned();
    }
    let kept: String = text.chars().skip(length - (longest - 3)).collect();
    format!("...{kept}")
}

/// Forgets a version, however it is written. Of a repeatable migration, what has not succeeded is forgotten: what was there
/// before it still is.
pub(super) async fn forget(
    connection: &mut Connection,
    version: Version,
) -> Result<u64, sqlx::Error> {
    if let Some(name) = version.name() {
        let sql = "DELETE FROM flyway_schema_history WHERE version IS NULL AND description = ? AND NOT success";
        return connection.write(sql, &[name.into()]).await;
    }
    let rows = connection
        .rows(
            "SELECT DISTINCT version FROM flyway_schema_history WHERE version IS NOT NULL",
            &[],
        )
        .await?;
    let mut forgotten = 0;
    for row in rows {
        let text = row.text("version")?;
        if flyway::recorded_version(&text) == Some(version) {
            let sql = "DELETE FROM flyway_schema_history WHERE version = ?";
            forgotten += connection.write(sql, &[(&text).into()]).await?;
        }
    }
    Ok(forgotten)
}
