//! How many rows the tables of a user's schema have, now and in a snapshot: what a restore would take away is told by it.

use std::{collections::BTreeMap, path::Path};

use super::{Connection, Engine};
use crate::{DatabaseError, SnapshotError, classify::Dialect, schema::is_record};

impl Engine {
    /// By table, all as of one instant; none when there is no database.
    pub(crate) async fn rows(&self) -> Result<BTreeMap<String, i64>, DatabaseError> {
        let Some(mut connection) = self.reader().await? else {
            return Ok(BTreeMap::new());
        };
        let counted = async {
            connection.execute(self.begin_to_read()).await?;
            count(&mut connection).await
        };
        let counted = counted.await.map_err(|error| self.error(&error));
        self.close(connection).await?;
        counted
    }

    /// Likewise as the server estimates them; `None` for SQLite, which does not.
    pub(crate) async fn estimated_rows(
        &self,
    ) -> Result<Option<BTreeMap<String, i64>>, DatabaseError> {
        let sql = match self.dialect() {
            Dialect::Sqlite => return Ok(None),
            // -1 where nobody has ever analysed it.
            Dialect::Postgres => {
                "SELECT CASE nspname WHEN 'public' THEN '' ELSE nspname || '.' END || relname AS name,
                        greatest(reltuples, 0)::bigint AS number
                 FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
                 WHERE relkind = 'r' AND nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'"
            }
            Dialect::Mysql => {
                "SELECT CAST(table_name AS CHAR) AS name, CAST(coalesce(table_rows, 0) AS SIGNED) AS number
                 FROM information_schema.tables WHERE table_schema = database() AND table_type = 'BASE TABLE'"
            }
        };
        let Some(mut connection) = self.reader().await? else {
            return Ok(Some(BTreeMap::new()));
        };
        let estimated = async {
            let mut rows = BTreeMap::new();
            for row in connection.rows(sql, &[]).await? {
                let name = row.text("name")?;
                if !is_record(&name) {
                    rows.insert(name, row.integer("number")?);
                }
            }
            Ok(rows)
        };
        let estimated = estimated.await.map_err(|error| self.error(&error));
        self.close(connection).await?;
        estimated.map(Some)
    }

    /// By table, those of a snapshot.
    pub(crate) async fn rows_in(
        &self,
        from: &Path,
    ) -> Result<BTreeMap<String, i64>, SnapshotError> {
        let mut rows = match self {
            // A snapshot of SQLite is a database itself.
            Engine::Sqlite(_) => {
                let url = format!("sqlite://{}?mode=ro", from.display());
                Engine::open(Path::new(""), &url)?.rows().await?
            }
            Engine::Postgres(postgres) => postgres.rows_in(from).await?,
            Engine::Mysql(mysql) => mysql.rows_in(from).await?,
        };
        rows.retain(|table, _| !is_record(table));
        Ok(rows)
    }
}

async fn count(connection: &mut Connection) -> Result<BTreeMap<String, i64>, sqlx::Error> {
    let tables = match connection.dialect() {
        Dialect::Sqlite => {
            "SELECT name, '\"' || replace(name, '\"', '\"\"') || '\"' AS quoted FROM sqlite_schema
             WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        }
        Dialect::Postgres => {
            "SELECT CASE nspname WHEN 'public' THEN '' ELSE nspname || '.' END || relname AS name,
                    quote_ident(nspname) || '.' || quote_ident(relname) AS quoted
             FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
             WHERE relkind = 'r' AND nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'"
        }
        Dialect::Mysql => {
            "SELECT CAST(table_name AS CHAR) AS name,
                    CAST(concat('`', replace(table_name, '`', '``'), '`') AS CHAR) AS quoted
             FROM information_schema.tables WHERE table_schema = database() AND table_type = 'BASE TABLE'"
        }
    };
    let mut counted = BTreeMap::new();
    for table in connection.rows(tables, &[]).await? {
        let (name, quoted) = (table.text("name")?, table.text("quoted")?);
        if is_record(&name) {
            continue;
        }
        let sql = format!("SELECT count(*) AS number FROM {quoted}");
        for row in connection.rows(&sql, &[]).await? {
            counted.insert(name.clone(), row.integer("number")?);
        }
    }
    Ok(counted)
}
