//! Tables and views, with what they consist of.

use std::collections::{BTreeMap, HashMap};

use sqlx::{AssertSqlSafe, FromRow, PgConnection, postgres::types::Oid};

use super::{OURS, collation, not_of_an_extension};
use crate::{
    classify::Dialect::Postgres,
    schema::{
        Column, Constraint, ConstraintKind, Index, Name, Object, ObjectKey, Schema, Sql, Table,
        is_record,
        model::{Generated, Kind},
    },
};

#[derive(FromRow)]
struct Relation {
    oid: Oid,
    namespace: String,
    name: String,
    kind: String,
    persistence: String,
    options: Vec<String>,
    row_security: bool,
    forced: bool,
    identity: String,
    partition_key: Option<String>,
    partition_bound: Option<String>,
    parents: Vec<String>,
    view: Option<String>,
    server: Option<String>,
}

pub(super) async fn read(
    connection: &mut PgConnection,
    schema: &mut Schema,
) -> Result<(), sqlx::Error> {
    let relations: Vec<Relation> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT c.oid, n.nspname::text AS namespace, c.relname::text AS name, c.relkind::text AS kind,
                c.relpersistence::text AS persistence, coalesce(c.reloptions, '{{}}') AS options,
                c.relrowsecurity AS row_security, c.relforcerowsecurity AS forced, c.relreplident::text AS identity,
                CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END AS partition_key,
                pg_get_expr(c.relpartbound, c.oid) AS partition_bound,
                ARRAY(SELECT inhparent::regclass::text FROM pg_inherits WHERE inhrelid = c.oid ORDER BY inhseqno) AS parents,
                CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END AS view,
                (SELECT s.srvname::text FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver
                 WHERE f.ftrelid = c.oid) AS server
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND {OURS} AND {}",
        not_of_an_extension("pg_class", "c.oid")
    )))
    .fetch_all(&mut *connection)
    .await?;
    let mut columns = columns(connection).await?;
    let mut constraints = constraints(connection).await?;
    let mut indexes = indexes(connection).await?;
    for relation in relations
        .iter()
        .filter(|relation| !is_record(&relation.name))
    {
        let name = Name::within(&relation.namespace, &relation.name);
        let indexes = indexes.remove(&relation.oid).unwrap_or_default();
        if relation.view.is_some() {
            let object = relation.view(name, indexes);
            schema.objects.insert(object.key.clone(), object);
            continue;
        }
        schema.tables.insert(
            name.clone(),
            Table {
                options: relation.options(),
                columns: columns.remove(&relation.oid).unwrap_or_default(),
                constraints: constraints.remove(&relation.oid).unwrap_or_default(),
                indexes,
                name,
                definition: None,
            },
        );
    }
    Ok(())
}

impl Relation {
    fn view(&self, name: Name, indexes: BTreeMap<Name, Index>) -> Object {
        let (kind, words) = match self.kind.as_str() {
            "m" => (Kind::MaterializedView, "MATERIALIZED VIEW"),
            _ => (Kind::View, "VIEW"),
        };
        let query = self
            .view
            .as_deref()
            .unwrap_or_default()
            .trim()
            .trim_end_matches(';');
        let options = match self.options.as_slice() {
            [] => String::new(),
            options => format!(" WITH ({})", options.join(", ")),
        };
        let text = format!(
            "CREATE {words} {}{options} AS\n{query}",
            name.quoted(Postgres)
        );
        Object {
            indexes,
            ..Object::new(ObjectKey::new(kind, name), Sql::printed(text))
        }
    }

    fn options(&self) -> BTreeMap<String, String> {
        let mut options = BTreeMap::new();
        let mut add = |name: &str, value: String| options.insert(name.to_owned(), value);
        if self.persistence == "u" {
            add("persistence", "UNLOGGED".into());
        }
        for option in &self.options {
            let (option, value) = option.split_once('=').unwrap_or((option, ""));
            add(&format!("with {option}"), value.into());
        }
        if self.row_security {
            add("row security", "ENABLE".into());
        }
        if self.forced {
            add("row security of the owner", "FORCE".into());
        }
        match self.identity.as_str() {
            "f" => drop(add("replica identity", "FULL".into())),
            "n" if self.kind != "f" => drop(add("replica identity", "NOTHING".into())),
            "i" => drop(add("replica identity", "INDEX".into())),
            _ => {}
        }
        if let Some(key) = &self.partition_key {
            add("partition by", key.clone());
        }
        if let Some(server) = &self.server {
            add("foreign server", server.clone());
        }
        match &self.partition_bound {
            Some(bound) => drop(add(
                "partition of",
                format!("{} {bound}", self.parents.join(", ")),
            )),
            None if !self.parents.is_empty() => drop(add("inherits", self.parents.join(", "))),
            None => {}
        }
        options
    }
}

#[derive(FromRow)]
struct ColumnRow {
    relation: Oid,
    name: String,
    data_type: String,
    not_null: bool,
    expression: Option<String>,
    identity: String,
    generated: String,
    collation: Option<String>,
    sequence: Option<String>,
}

async fn columns(connection: &mut PgConnection) -> Result<HashMap<Oid, Vec<Column>>, sqlx::Error> {
    let rows: Vec<ColumnRow> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT a.attrelid AS relation, a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS data_type,
                a.attnotnull AS not_null, pg_get_expr(e.adbin, e.adrelid) AS expression, a.attidentity::text AS identity,
                a.attgenerated::text AS generated,
                CASE WHEN a.attcollation <> t.typcollation THEN {} END AS collation,
                {OPTIONS_OF_A_SEQUENCE} AS sequence
         FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         JOIN pg_type t ON t.oid = a.atttypid
         LEFT JOIN pg_attrdef e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
         LEFT JOIN pg_depend i ON i.refclassid = 'pg_class'::regclass AND i.refobjid = a.attrelid
               AND i.refobjsubid = a.attnum AND i.classid = 'pg_class'::regclass AND i.deptype = 'i' AND a.attidentity <> ''
         LEFT JOIN pg_sequence s ON s.seqrelid = i.objid
         WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f') AND {OURS}
         ORDER BY a.attrelid, a.attnum",
        collation("a.attcollation")
    )))
    .fetch_all(connection)
    .await?;
    let mut found: HashMap<Oid, Vec<Column>> = HashMap::new();
    for row in rows {
        found.entry(row.relation).or_default().push(row.column());
    }
    Ok(found)
}

/// What a sequence `s` has that is not a new one's, with a space before each; NULL without one.
pub(super) const OPTIONS_OF_A_SEQUENCE: &str = "
    CASE WHEN s.seqincrement <> 1 THEN ' INCREMENT BY ' || s.seqincrement ELSE '' END
    || CASE WHEN s.seqmin <> CASE WHEN s.seqincrement > 0 THEN 1 WHEN s.seqtypid = 'int2'::regtype THEN -32768
                             WHEN s.seqtypid = 'int4'::regtype THEN -2147483648 ELSE -9223372036854775808 END
       THEN ' MINVALUE ' || s.seqmin ELSE '' END
    || CASE WHEN s.seqmax <> CASE WHEN s.seqincrement < 0 THEN -1 WHEN s.seqtypid = 'int2'::regtype THEN 32767
                             WHEN s.seqtypid = 'int4'::regtype THEN 2147483647 ELSE 9223372036854775807 END
       THEN ' MAXVALUE ' || s.seqmax ELSE '' END
    || CASE WHEN s.seqstart <> CASE WHEN s.seqincrement > 0 THEN s.seqmin ELSE s.seqmax END
       THEN ' START WITH ' || s.seqstart ELSE '' END
    || CASE WHEN s.seqcache <> 1 THEN ' CACHE ' || s.seqcache ELSE '' END
    || CASE WHEN s.seqcycle THEN ' CYCLE' ELSE '' END";

impl ColumnRow {
    fn column(self) -> Column {
        let identity = match self.identity.as_str() {
            "a" => Some("GENERATED ALWAYS AS IDENTITY"),
            "d" => Some("GENERATED BY DEFAULT AS IDENTITY"),
            _ => None,
        };
        let identity = identity.map(|identity| match self.sequence.as_deref().map(str::trim) {
            None | Some("") => identity.to_owned(),
            Some(options) => format!("{identity} ({options})"),
        });
        let (mut default, mut generated) = (self.expression.map(Sql::printed), None);
        if !self.generated.is_empty() {
            generated = default.take().map(|expression| Generated {
                expression,
                stored: self.generated == "s",
            });
        }
        let mut text = self.data_type.clone();
        let mut add = |part: String| text += &format!(" {part}");
        if let Some(collation) = &self.collation {
            add(format!("COLLATE {collation}"));
        }
        if let Some(Generated { expression, stored }) = &generated {
            let kept = if *stored { "STORED" } else { "VIRTUAL" };
            add(format!("GENERATED ALWAYS AS ({expression}) {kept}"));
        }
        if let Some(default) = &default {
            add(format!("DEFAULT {default}"));
        }
        if let Some(identity) = &identity {
            add(identity.clone());
        }
        if self.not_null {
            add("NOT NULL".into());
        }
        Column {
            name: Name::exact(&self.name),
            data_type: Sql::printed(self.data_type),
            nullable: !self.not_null,
            default,
            generated,
            identity,
            collation: self.collation,
            definition: Sql::printed(text),
        }
    }
}

#[derive(FromRow)]
struct ConstraintRow {
    relation: Oid,
    name: String,
    kind: String,
    definition: String,
    columns: Vec<String>,
    refers_to: Option<String>,
    refers_in: Option<String>,
}

async fn constraints(
    connection: &mut PgConnection,
) -> Result<HashMap<Oid, Vec<Constraint>>, sqlx::Error> {
    let rows: Vec<ConstraintRow> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT k.conrelid AS relation, k.conname::text AS name, k.contype::text AS kind,
                pg_get_constraintdef(k.oid) AS definition,
                ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(number, place)
                      JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number ORDER BY u.place) AS columns,
                f.relname::text AS refers_to, fn.nspname::text AS refers_in
         FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         LEFT JOIN pg_class f ON f.oid = k.confrelid LEFT JOIN pg_namespace fn ON fn.oid = f.relnamespace
         WHERE k.contype IN ('p', 'u', 'c', 'f', 'x') AND k.conparentid = 0 AND k.conislocal AND {OURS}
         ORDER BY k.conrelid, k.conname"
    )))
    .fetch_all(connection)
    .await?;
    let mut found: HashMap<Oid, Vec<Constraint>> = HashMap::new();
    for row in rows {
        let kind = match row.kind.as_str() {
            "p" => ConstraintKind::PrimaryKey,
            "u" => ConstraintKind::Unique,
            "c" => ConstraintKind::Check,
            "f" => ConstraintKind::ForeignKey,
            _ => ConstraintKind::Exclusion,
        };
        found.entry(row.relation).or_default().push(Constraint {
            name: Some(Name::exact(&row.name)),
            kind,
            definition: Sql::printed(row.definition),
            columns: row.columns.iter().map(|name| Name::exact(name)).collect(),
            refers_to: row
                .refers_in
                .zip(row.refers_to)
                .map(|(namespace, name)| Name::within(&namespace, &name)),
            of_column: None,
        });
    }
    Ok(found)
}

/// Indexes that no constraint makes and no index of a partitioned table. Those of a partitioned table itself are on its
/// partitions too, and not on it alone as they are printed.
async fn indexes(
    connection: &mut PgConnection,
) -> Result<HashMap<Oid, BTreeMap<Name, Index>>, sqlx::Error> {
    let rows: Vec<(Oid, String, String, String, bool)> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT x.indrelid, n.nspname::text, c.relname::text,
                CASE c.relkind WHEN 'I' THEN replace(pg_get_indexdef(c.oid), ' ON ONLY ', ' ON ')
                               ELSE pg_get_indexdef(c.oid) END, x.indisvalid
         FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE {OURS} AND NOT c.relispartition
         AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid AND k.contype IN ('p', 'u', 'x'))"
    )))
    .fetch_all(connection)
    .await?;
    let mut found: HashMap<Oid, BTreeMap<Name, Index>> = HashMap::new();
    for (relation, namespace, name, mut definition, valid) in rows {
        if !valid {
            definition += INVALID;
        }
        let name = Name::within(&namespace, &name);
        let definition = Sql::printed(definition);
        found
            .entry(relation)
            .or_default()
            .insert(name.clone(), Index { name, definition });
    }
    Ok(found)
}

/// What stands after the definition of an index that `CREATE INDEX CONCURRENTLY` left unfinished.
pub(in crate::schema) const INVALID: &str = " -- invalid: it was not built to the end";
