//! Everything but tables and views.

use sqlx::{AssertSqlSafe, FromRow, PgConnection};

use super::{OURS, collation, literal, not_of_an_extension, relations::OPTIONS_OF_A_SEQUENCE};
use crate::{
    classify::Dialect::Postgres,
    schema::{Name, Object, ObjectKey, Schema, Sql, is_record, model::Kind, name::quote},
};

pub(super) async fn read(
    connection: &mut PgConnection,
    schema: &mut Schema,
) -> Result<(), sqlx::Error> {
    namespaces(connection, schema).await?;
    extensions(connection, schema).await?;
    types(connection, schema).await?;
    sequences(connection, schema).await?;
    routines(connection, schema).await?;
    triggers(connection, schema).await?;
    rules(connection, schema).await?;
    policies(connection, schema).await
}

fn add(schema: &mut Schema, object: Object) {
    schema.objects.insert(object.key.clone(), object);
}

async fn namespaces(connection: &mut PgConnection, schema: &mut Schema) -> Result<(), sqlx::Error> {
    let names: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!(
        "SELECT n.nspname::text FROM pg_namespace n WHERE {OURS} AND {}",
        not_of_an_extension("pg_namespace", "n.oid")
    )))
    .fetch_all(connection)
    .await?;
    for name in names {
        let text = format!("CREATE SCHEMA {}", quote(&name, Postgres));
        add(
            schema,
            Object::new(
                ObjectKey::new(Kind::Namespace, Name::exact(&name)),
                Sql::printed(text),
            ),
        );
    }
    Ok(())
}

async fn extensions(connection: &mut PgConnection, schema: &mut Schema) -> Result<(), sqlx::Error> {
    // PL/pgSQL is in every new database.
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT e.extname::text, n.nspname::text FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
         WHERE e.extname <> 'plpgsql'",
    )
    .fetch_all(connection)
    .await?;
    for (name, namespace) in rows {
        let text = format!(
            "CREATE EXTENSION {} WITH SCHEMA {}",
            quote(&name, Postgres),
            quote(&namespace, Postgres)
        );
        add(
            schema,
            Object::new(
                ObjectKey::new(Kind::Extension, Name::exact(&name)),
                Sql::printed(text),
            ),
        );
    }
    Ok(())
}

#[derive(FromRow)]
struct TypeRow {
    namespace: String,
    name: String,
    kind: String,
    labels: Vec<String>,
    base: Option<String>,
    collation: Option<String>,
    not_null: bool,
    default: Option<String>,
    checks: Vec<String>,
    attributes: Vec<String>,
    subtype: Option<String>,
}

async fn types(connection: &mut PgConnection, schema: &mut Schema) -> Result<(), sqlx::Error> {
    let rows: Vec<TypeRow> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT n.nspname::text AS namespace, t.typname::text AS name, t.typtype::text AS kind,
                ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder) AS labels,
                CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END AS base,
                CASE WHEN t.typtype = 'd' AND t.typcollation <> b.typcollation
                     THEN {} END AS collation,
                t.typnotnull AS not_null, t.typdefault AS \"default\",
                ARRAY(SELECT format(' CONSTRAINT %I %s', k.conname, pg_get_constraintdef(k.oid)) FROM pg_constraint k
                      WHERE k.contypid = t.oid AND k.contype = 'c' ORDER BY k.conname) AS checks,
                ARRAY(SELECT format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)) FROM pg_attribute a
                      WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum) AS attributes,
                (SELECT format_type(r.rngsubtype, NULL) FROM pg_range r WHERE r.rngtypid = t.oid) AS subtype
         FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
         LEFT JOIN pg_type b ON b.oid = t.typbasetype
         WHERE (t.typtype IN ('e', 'd', 'r') OR (t.typtype = 'c' AND c.relkind = 'c')) AND {OURS} AND {}",
        collation("t.typcollation"),
        not_of_an_extension("pg_type", "t.oid")
    )))
    .fetch_all(connection)
    .await?;
    for row in rows {
        let name = Name::within(&row.namespace, &row.name);
        let quoted = name.quoted(Postgres);
        let (kind, text) = match row.kind.as_str() {
            "e" => {
                let labels: Vec<_> = row.labels.iter().map(|label| literal(label)).collect();
                (
                    Kind::Enumeration,
                    format!("CREATE TYPE {quoted} AS ENUM ({})", labels.join(", ")),
                )
            }
            "d" => {
                let mut text =
                    format!("CREATE DOMAIN {quoted} AS {}", row.base.unwrap_or_default());
                if let Some(collation) = row.collation {
                    text += &format!(" COLLATE {collation}");
                }
                if let Some(default) = row.default {
                    text += &format!(" DEFAULT {default}");
                }
                if row.not_null {
                    text += " NOT NULL";
                }
                (Kind::Type, text + &row.checks.concat())
            }
            "r" => (
                Kind::Type,
                format!(
                    "CREATE TYPE {quoted} AS RANGE (SUBTYPE = {})",
                    row.subtype.unwrap_or_default()
                ),
            ),
            _ => (
                Kind::Type,
                format!("CREATE TYPE {quoted} AS ({})", row.attributes.join(", ")),
            ),
        };
        let mut object = Object::new(ObjectKey::new(kind, name), Sql::printed(text));
        object.labels = row.labels;
        add(schema, object);
    }
    Ok(())
}

#[derive(FromRow)]
struct SequenceRow {
    namespace: String,
    name: String,
    data_type: String,
    options: String,
    owner_namespace: Option<String>,
    owner: Option<String>,
    column: Option<String>,
}

async fn sequences(connection: &mut PgConnection, schema: &mut Schema) -> Result<(), sqlx::Error> {
    let rows: Vec<SequenceRow> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT n.nspname::text AS namespace, c.relname::text AS name, format_type(s.seqtypid, NULL) AS data_type,
                {OPTIONS_OF_A_SEQUENCE} AS options, own.nspname::text AS owner_namespace, o.relname::text AS owner,
                a.attname::text AS \"column\"
         FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         LEFT JOIN pg_depend i ON i.classid = 'pg_class'::regclass AND i.objid = c.oid AND i.deptype IN ('a', 'i')
              AND i.refclassid = 'pg_class'::regclass
         LEFT JOIN pg_class o ON o.oid = i.refobjid LEFT JOIN pg_namespace own ON own.oid = o.relnamespace
         LEFT JOIN pg_attribute a ON a.attrelid = i.refobjid AND a.attnum = i.refobjsubid
         WHERE i.deptype IS DISTINCT FROM 'i' AND {OURS} AND {}",
        not_of_an_extension("pg_class", "c.oid")
    )))
    .fetch_all(connection)
    .await?;
    for row in rows {
        if row.owner.as_deref().is_some_and(is_record) {
            continue;
        }
        let name = Name::within(&row.namespace, &row.name);
        let mut text = format!(
            "CREATE SEQUENCE {} AS {}{}",
            name.quoted(Postgres),
            row.data_type,
            row.options
        );
        let on = row
            .owner_namespace
            .zip(row.owner)
            .map(|(namespace, table)| Name::within(&namespace, &table));
        let mut shape = String::new();
        if let (Some(table), Some(column)) = (&on, &row.column) {
            shape = format!("{}.{}", table.quoted(Postgres), quote(column, Postgres));
            text += &format!(" OWNED BY {shape}");
        }
        let mut object = Object::new(ObjectKey::new(Kind::Sequence, name), Sql::printed(text));
        (object.on, object.shape) = (on, shape);
        add(schema, object);
    }
    Ok(())
}

#[derive(FromRow)]
struct RoutineRow {
    namespace: String,
    name: String,
    kind: String,
    identity: String,
    definition: String,
    shape: String,
}

async fn routines(connection: &mut PgConnection, schema: &mut Schema) -> Result<(), sqlx::Error> {
    let rows: Vec<RoutineRow> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT n.nspname::text AS namespace, p.proname::text AS name, p.prokind::text AS kind,
                pg_get_function_identity_arguments(p.oid) AS identity,
                CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) ELSE
                     format('CREATE AGGREGATE %I.%I(%s) (SFUNC = %s, STYPE = %s', n.nspname, p.proname,
                            pg_get_function_arguments(p.oid), g.aggtransfn::regproc, format_type(g.aggtranstype, NULL))
                     || CASE WHEN g.aggfinalfn::oid <> 0 THEN format(', FINALFUNC = %s', g.aggfinalfn::regproc) ELSE '' END
                     || coalesce(', INITCOND = ' || quote_literal(g.agginitval), '') || ')' END AS definition,
                concat(pg_get_function_result(p.oid), ' of ', pg_get_function_arguments(p.oid)) AS shape
         FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace LEFT JOIN pg_aggregate g ON g.aggfnoid = p.oid
         WHERE {OURS} AND {}
         AND NOT EXISTS (SELECT FROM pg_depend i WHERE i.classid = 'pg_proc'::regclass AND i.objid = p.oid
                         AND i.deptype = 'i')",
        not_of_an_extension("pg_proc", "p.oid")
    )))
    .fetch_all(connection)
    .await?;
    for row in rows {
        let kind = match row.kind.as_str() {
            "p" => Kind::Procedure,
            "a" => Kind::Aggregate,
            _ => Kind::Function,
        };
        let key = ObjectKey {
            kind,
            name: Name::within(&row.namespace, &row.name),
            apart: row.identity,
        };
        let mut object = Object::new(key, Sql::printed(row.definition.trim_end()));
        object.shape = row.shape;
        add(schema, object);
    }
    Ok(())
}

/// What is on a table or view: its namespace and name, its own name, the statement that makes it, and a state.
type OnTable = (String, String, String, String, String);

fn add_on_table(schema: &mut Schema, kind: Kind, rows: Vec<OnTable>) {
    for (namespace, table, name, definition, state) in rows {
        if is_record(&table) {
            continue;
        }
        let on = Name::within(&namespace, &table);
        let key = ObjectKey {
            kind,
            name: on.beside(&name),
            apart: on.to_string(),
        };
        let mut object = Object::new(
            key,
            Sql::printed(definition.trim_end().trim_end_matches(';')),
        );
        (object.on, object.shape) = (Some(on), state);
        add(schema, object);
    }
}

async fn triggers(connection: &mut PgConnection, schema: &mut Schema) -> Result<(), sqlx::Error> {
    // Those of partitions belong to the partitioned table's; the column for that came with version 13.
    let rows: Vec<OnTable> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT n.nspname::text, c.relname::text, t.tgname::text, pg_get_triggerdef(t.oid),
                CASE t.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' WHEN 'A' THEN 'ENABLE ALWAYS'
                                 ELSE '' END
         FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE NOT t.tgisinternal AND coalesce(to_jsonb(t) ->> 'tgparentid', '0') = '0' AND {OURS} AND {}",
        not_of_an_extension("pg_class", "c.oid")
    )))
    .fetch_all(connection)
    .await?;
    add_on_table(schema, Kind::Trigger, rows);
    Ok(())
}

async fn rules(connection: &mut PgConnection, schema: &mut Schema) -> Result<(), sqlx::Error> {
    let rows: Vec<OnTable> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT n.nspname::text, c.relname::text, r.rulename::text, pg_get_ruledef(r.oid), ''
         FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE r.rulename <> '_RETURN' AND {OURS} AND {}",
        not_of_an_extension("pg_class", "c.oid")
    )))
    .fetch_all(connection)
    .await?;
    add_on_table(schema, Kind::Rule, rows);
    Ok(())
}

async fn policies(connection: &mut PgConnection, schema: &mut Schema) -> Result<(), sqlx::Error> {
    let rows: Vec<OnTable> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT n.nspname::text, c.relname::text, p.polname::text,
                format('CREATE POLICY %I ON %I.%I AS %s FOR %s TO %s', p.polname, n.nspname, c.relname,
                       CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
                       CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
                                     WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
                       (SELECT string_agg(CASE WHEN r = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(r)) END, ', ')
                        FROM unnest(p.polroles) r))
                || coalesce(' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', '')
                || coalesce(' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', ''), ''
         FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE {OURS} AND {}",
        not_of_an_extension("pg_class", "c.oid")
    )))
    .fetch_all(connection)
    .await?;
    add_on_table(schema, Kind::Policy, rows);
    Ok(())
}
