//! The schema's state as a digest: another as soon as a statement has changed it, be it only the order of columns. What
//! counts as the same schema is in [`crate::schema`].

use crate::{digest, engine::connection::Connection, schema::is_record};

/// What is asked, each query with the table that a line belongs to as `home`. Without counters, sizes and times, which
/// change by themselves, and without the database's own name.
const QUERIES: &[&str] = &[
    "SELECT table_name AS home, concat_ws('|', 'table', table_name, table_type, engine, table_collation, create_options,
            table_comment) AS line
     FROM information_schema.tables WHERE table_schema = database()",
    "SELECT table_name AS home, concat_ws('|', 'column', table_name, ordinal_position, column_name, column_type,
            is_nullable, coalesce(column_default, '-'), extra, coalesce(collation_name, '-'), column_comment,
            coalesce(generation_expression, '-')) AS line
     FROM information_schema.columns WHERE table_schema = database()",
    "SELECT table_name AS home, concat_ws('|', 'index', table_name, index_name, non_unique, seq_in_index,
            coalesce(column_name, '-'), coalesce(sub_part, '-'), index_type, index_comment) AS line
     FROM information_schema.statistics WHERE table_schema = database()",
    "SELECT table_name AS home, concat_ws('|', 'key', table_name, constraint_name, ordinal_position, column_name,
            coalesce(nullif(referenced_table_schema, database()), '-'), coalesce(referenced_table_name, '-'),
            coalesce(referenced_column_name, '-')) AS line
     FROM information_schema.key_column_usage WHERE table_schema = database()",
    "SELECT table_name AS home, concat_ws('|', 'foreign key', constraint_name, table_name, update_rule, delete_rule,
            match_option) AS line
     FROM information_schema.referential_constraints WHERE constraint_schema = database()",
    "SELECT '' AS home, concat_ws('|', 'check', constraint_name, check_clause) AS line
     FROM information_schema.check_constraints WHERE constraint_schema = database()",
    "SELECT table_name AS home, concat_ws('|', 'view', table_name,
            replace(view_definition, concat('`', database(), '`.'), ''), security_type, check_option) AS line
     FROM information_schema.views WHERE table_schema = database()",
    "SELECT event_object_table AS home, concat_ws('|', 'trigger', trigger_name, event_object_table, event_manipulation,
            action_timing, action_order, action_statement) AS line
     FROM information_schema.triggers WHERE trigger_schema = database()",
    "SELECT '' AS home, concat_ws('|', 'routine', routine_type, routine_name, coalesce(dtd_identifier, '-'),
            routine_definition, security_type, is_deterministic, sql_data_access) AS line
     FROM information_schema.routines WHERE routine_schema = database()",
    "SELECT '' AS home, concat_ws('|', 'parameter', specific_name, ordinal_position, coalesce(parameter_mode, '-'),
            coalesce(parameter_name, '-'), dtd_identifier) AS line
     FROM information_schema.parameters WHERE specific_schema = database()",
    "SELECT '' AS home, concat_ws('|', 'event', event_name, event_definition, event_type, coalesce(interval_value, '-'),
            coalesce(interval_field, '-'), status) AS line
     FROM information_schema.events WHERE event_schema = database()",
    "SELECT table_name AS home, concat_ws('|', 'partition', table_name, partition_name, partition_method,
            partition_expression, coalesce(partition_description, '-')) AS line
     FROM information_schema.partitions WHERE table_schema = database() AND partition_name IS NOT NULL",
];

/// A digest of everything but the tables of records.
pub(in crate::engine) async fn fingerprint(
    connection: &mut Connection,
) -> Result<String, sqlx::Error> {
    let mut lines = Vec::new();
    for query in QUERIES {
        let sql = format!(
            "SELECT CAST(home AS CHAR) AS home, CAST(line AS CHAR) AS line FROM ({query}) AS found"
        );
        for row in connection.rows(&sql, &[]).await? {
            if !is_record(&row.text("home")?) {
                lines.push(row.text("line")?);
            }
        }
    }
    lines.sort();
    Ok(digest::sha256(lines.join("\n").as_bytes()))
}
