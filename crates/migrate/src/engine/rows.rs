//! How many rows the tables of a user's schema have: what a restore would take away is told by it.

use std::collections::BTreeMap;

use super::{Connection, Engine};
use crate::{DatabaseError, classify::Dialect, schema::is_record};

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
