//! A digest of the schema, equal for schemas that mean the same.

use super::Postgres;
use crate::{
    DatabaseError, digest,
    engine::{connection::Connection, records},
};

/// A line for each thing, with the table that it belongs to.
const THINGS: &str = "
WITH own AS (
    SELECT oid, nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
), relations AS (
    SELECT c.oid, c.relname, c.relkind, quote_ident(nspname) || '.' || quote_ident(relname) AS name, c.relpersistence
    FROM pg_class AS c JOIN own ON own.oid = c.relnamespace
    WHERE NOT EXISTS (SELECT 1 FROM pg_depend WHERE objid = c.oid AND classid = 'pg_class'::regclass AND deptype = 'e')
)
SELECT relname AS home, format('%s %s %s', relkind, name, relpersistence) AS line FROM relations WHERE relkind NOT IN ('i', 'I')
UNION ALL
SELECT relname, format('column %s.%s %s %s %s %s %s', name, quote_ident(attname), format_type(atttypid, atttypmod),
                       attnotnull, attidentity, attgenerated, pg_get_expr(adbin, adrelid))
FROM relations JOIN pg_attribute ON attrelid = relations.oid LEFT JOIN pg_attrdef ON adrelid = relations.oid AND adnum = attnum
WHERE attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'p', 'f', 'c')
UNION ALL
SELECT relname, format('constraint %s %s %s', name, quote_ident(conname), pg_get_constraintdef(pg_constraint.oid))
FROM relations JOIN pg_constraint ON conrelid = relations.oid
UNION ALL
SELECT relname, pg_get_indexdef(indexrelid) || ' ' || indisvalid::text FROM relations JOIN pg_index ON indrelid = relations.oid
UNION ALL
SELECT relname, pg_get_triggerdef(pg_trigger.oid) || ' ' || tgenabled::text
FROM relations JOIN pg_trigger ON tgrelid = relations.oid WHERE NOT tgisinternal
UNION ALL
SELECT relname, name || ' ' || pg_get_viewdef(oid) FROM relations WHERE relkind IN ('v', 'm')
UNION ALL
SELECT '', pg_get_functiondef(p.oid) FROM pg_proc AS p JOIN own ON own.oid = pronamespace
WHERE prokind IN ('f', 'p') AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE objid = p.oid AND deptype = 'e')
UNION ALL
SELECT '', format('enum %s.%s %s', nspname, typname, (SELECT string_agg(quote_literal(enumlabel), ' ' ORDER BY enumsortorder)
                                                     FROM pg_enum WHERE enumtypid = t.oid))
FROM pg_type AS t JOIN own ON own.oid = typnamespace WHERE typtype = 'e'
UNION ALL
SELECT '', format('domain %s.%s %s %s %s', nspname, typname, format_type(typbasetype, typtypmod), typnotnull, typdefault)
FROM pg_type AS t JOIN own ON own.oid = typnamespace WHERE typtype = 'd'
UNION ALL
SELECT '', format('extension %s', extname) FROM pg_extension
UNION ALL
SELECT '', format('schema %s', nspname) FROM own";

impl Postgres {
    pub(in crate::engine) async fn schema_fingerprint(&self) -> Result<String, DatabaseError> {
        let mut lines: Vec<String> = Vec::new();
        if let Some(connection) = self.reader().await? {
            let mut connection = Connection::Postgres(connection);
            let rows = connection.rows(THINGS, &[]).await;
            connection
                .close()
                .await
                .map_err(|error| self.error(&error))?;
            for row in rows.map_err(|error| self.error(&error))? {
                let (home, line) = (row.text("home"), row.text("line"));
                let (home, line) = home
                    .and_then(|home| Ok((home, line?)))
                    .map_err(|error| self.error(&error))?;
                if !records::is_record(&home) {
                    lines.push(line);
                }
            }
        }
        lines.sort();
        Ok(digest::sha256(lines.join("\n").as_bytes()))
    }
}
