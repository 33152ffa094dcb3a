//! Flyway's table (11, `JdbcTableSchemaHistory` and `SQLiteDatabase`): a row for each thing it has done, by rank.
//!
//! Understood are migrations in SQL, what undid them, what `repair` marked as deleted, and the row for a schema that
//! Flyway has made. A baseline, a repeatable migration or one in Java means that the set does not say all there is.

use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};

use super::{execute, native::Recorded};
use crate::{Layout, Migration, NativeRow, layout::flyway};

const TABLE: &str = r#"
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

/// How long Flyway lets a description and the name of a file be.
const LONGEST: (usize, usize) = (200, 1000);

pub(super) async fn create(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    execute(connection, TABLE).await
}

pub(super) async fn read(connection: &mut SqliteConnection) -> Result<Recorded, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT version, description, type, CAST(checksum AS TEXT) AS checksum, CAST(success AS INTEGER) AS success,
                CAST(coalesce(strftime('%s', installed_on), 0) AS INTEGER) * 1000 AS installed_at_ms,
                max(execution_time, 0) AS took_ms
         FROM flyway_schema_history ORDER BY installed_rank",
    );
    let mut recorded = Recorded::default();
    for row in rows.fetch_all(connection).await? {
        let text: Option<String> = row.try_get("version")?;
        let kind: String = row.try_get("type")?;
        let version = text.as_deref().and_then(flyway::recorded_version);
        let success = row.try_get::<i64, _>("success")? != 0;
        match (kind.as_str(), version) {
            ("SCHEMA", None) => {}
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

fn native(row: &SqliteRow, version: i64, success: bool) -> Result<NativeRow, sqlx::Error> {
    Ok(NativeRow {
        version,
        description: row.try_get("description")?,
        success,
        checksum: row.try_get("checksum")?,
        installed_at_ms: row.try_get("installed_at_ms")?,
        took_ms: row.try_get("took_ms")?,
    })
}

/// Writes a row, or ends the one that says that the migration has not succeeded.
pub(super) async fn put(
    connection: &mut SqliteConnection,
    migration: &Migration,
    success: bool,
    took_ms: i64,
) -> Result<(), sqlx::Error> {
    let ended = sqlx::query(
        "UPDATE flyway_schema_history SET success = ?2, execution_time = ?3
         WHERE version = ?1 AND type = 'SQL' AND NOT success",
    )
    .bind(&migration.written)
    .bind(success)
    .bind(took_ms)
    .execute(&mut *connection)
    .await?;
    if ended.rows_affected() > 0 {
        return Ok(());
    }
    let checksums = Layout::Flyway.checksums(migration, &migration.up);
    let (description, script) = LONGEST;
    sqlx::query(
        "INSERT INTO flyway_schema_history
         (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success)
         SELECT coalesce(max(installed_rank), 0) + 1, ?1, ?2, 'SQL', ?3, CAST(?4 AS INTEGER), '', ?5, ?6
         FROM flyway_schema_history",
    )
    .bind(&migration.written)
    .bind(beginning(&migration.name, description))
    .bind(end(&migration.file, script))
    .bind(checksums.into_iter().next())
    .bind(took_ms)
    .bind(success)
    .execute(connection)
    .await
    .map(drop)
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

/// Forgets a version, however it is written.
pub(super) async fn forget(
    connection: &mut SqliteConnection,
    version: i64,
) -> Result<(), sqlx::Error> {
    let texts: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT version FROM flyway_schema_history WHERE version IS NOT NULL",
    )
    .fetch_all(&mut *connection)
    .await?;
    for text in texts {
        if flyway::recorded_version(&text) == Some(version) {
            sqlx::query("DELETE FROM flyway_schema_history WHERE version = ?1")
                .bind(text)
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(())
}
