//! `SET` and `PRAGMA`: settings of this connection, of the server, and of how SQL itself is read.

use sqlparser::ast::{ContextModifier, ObjectName, Set};

use super::{Dialect, created::Created, effect::Findings};

const SESSION: &str = "a setting of this connection only";

/// Settings of a connection that change how it waits, shows or plans, and not what its statements mean.
const HARMLESS: &[&str] = &[
    "application_name",
    "bytea_output",
    "check_function_bodies",
    "client_min_messages",
    "constraints",
    "datestyle",
    "deadlock_timeout",
    "default_table_access_method",
    "default_tablespace",
    "default_toast_compression",
    "default_with_oids",
    "escape_string_warning",
    "extra_float_digits",
    "foreign_key_checks",
    "idle_in_transaction_session_timeout",
    "innodb_lock_wait_timeout",
    "intervalstyle",
    "jit",
    "lock_timeout",
    "lock_wait_timeout",
    "maintenance_work_mem",
    "max_execution_time",
    "max_parallel_maintenance_workers",
    "names",
    "row_security",
    "statement_timeout",
    "time_zone",
    "timezone",
    "transaction_timeout",
    "unique_checks",
    "work_mem",
    "xmloption",
    "character_set_results",
    "collation_connection",
    "sql_notes",
];

/// Reads a `SET`.
pub(super) fn set(dialect: Dialect, created: &mut Created, set: &Set, found: &mut Findings) {
    match set {
        Set::SingleAssignment {
            variable, values, ..
        } if variable.to_string().eq_ignore_ascii_case("client_encoding") => {
            let value = values.first().map(ToString::to_string);
            encoding(&value.unwrap_or_default(), found);
        }
        Set::SingleAssignment {
            scope, variable, ..
        } => assignment(dialect, created, scope.as_ref(), variable, found),
        Set::MultipleAssignments { assignments } => {
            for one in assignments {
                assignment(dialect, created, one.scope.as_ref(), &one.name, found);
            }
        }
        Set::SetTimeZone { .. } | Set::SetNamesDefault {} | Set::SetTransaction { .. } => {
            found.expand(SESSION);
        }
        Set::SetNames { charset_name, .. } => encoding(&charset_name.value, found),
        Set::SetRole { .. } | Set::SetSessionAuthorization(_) => {
            // `"$user"` may be the schema that is searched first.
            created.clear();
            found.expand("what follows runs, and is owned, under another role");
        }
        _ => {
            found.unknown("nothing is known about this setting");
        }
    }
}

/// In some encodings a backslash or a quote may be half of a character, and statements end elsewhere.
fn encoding(name: &str, found: &mut Findings) {
    const PLAIN: &[&str] = &[
        "utf8", "utf8mb3", "utf8mb4", "unicode", "latin1", "ascii", "binary",
    ];
    let plain = name
        .trim_matches('\'')
        .to_ascii_lowercase()
        .replace(['-', '_'], "");
    if PLAIN.contains(&plain.as_str()) {
        found.expand(SESSION);
    } else {
        found.unknown("in another encoding the statements after it may be read otherwise");
    }
}

fn assignment(
    dialect: Dialect,
    created: &mut Created,
    scope: Option<&ContextModifier>,
    variable: &ObjectName,
    found: &mut Findings,
) {
    let name = variable.to_string().to_lowercase();
    if matches!(scope, Some(ContextModifier::Global))
        || name.starts_with("@@global")
        || name.starts_with("@@persist")
    {
        found.unknown("a setting of the server, and of everybody who connects from now on");
        return;
    }
    let name = name
        .trim_start_matches("@@session.")
        .trim_start_matches("@@");
    if name.starts_with('@') && dialect == Dialect::Mysql {
        found.expand("a variable of this connection only");
    } else if name == "search_path" {
        // Names mean other objects from here on.
        created.clear();
        found.expand(SESSION);
    } else if HARMLESS.contains(&name) {
        found.expand(SESSION);
    } else {
        found
            .unknown(format!(
                "the setting `{name}` may change what the statements after it do"
            ))
            .remedy("leave it out, or declare the contract yourself");
    }
}

/// Reads a `PRAGMA`, by SQLite's list of them.
pub(super) fn pragma(name: &str, sets: bool, found: &mut Findings) {
    const CONNECTION: &[&str] = &[
        "analysis_limit",
        "automatic_index",
        "busy_timeout",
        "cache_size",
        "cache_spill",
        "case_sensitive_like",
        "defer_foreign_keys",
        "foreign_keys",
        "legacy_alter_table",
        "locking_mode",
        "mmap_size",
        "query_only",
        "recursive_triggers",
        "synchronous",
        "temp_store",
        "threads",
        "wal_autocheckpoint",
    ];
    const READS: &[&str] = &[
        "collation_list",
        "compile_options",
        "data_version",
        "database_list",
        "foreign_key_check",
        "foreign_key_list",
        "freelist_count",
        "function_list",
        "index_info",
        "index_list",
        "index_xinfo",
        "integrity_check",
        "module_list",
        "page_count",
        "pragma_list",
        "quick_check",
        "table_info",
        "table_list",
        "table_xinfo",
    ];
    const FILE: &[&str] = &[
        "auto_vacuum",
        "incremental_vacuum",
        "journal_mode",
        "journal_size_limit",
        "max_page_count",
        "optimize",
        "page_size",
        "secure_delete",
        "shrink_memory",
        "wal_checkpoint",
    ];
    let name = name.to_lowercase();
    let name = name.as_str();
    if READS.contains(&name)
        || (!sets && matches!(name, "user_version" | "application_id" | "encoding"))
    {
        found.expand("it only reads");
    } else if CONNECTION.contains(&name) {
        found.expand(SESSION);
    } else if FILE.contains(&name) {
        found.expand("how the file is written, and not what is in it");
    } else if matches!(name, "user_version" | "application_id") {
        found.data("a number in the file changes that code may look at");
    } else {
        found.unknown(format!("nothing is known about the pragma `{name}`"));
    }
}
