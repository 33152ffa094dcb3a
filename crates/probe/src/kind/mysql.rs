//! A MySQL or MariaDB server: whether it lets us in, and which it is.
//!
//! Passwords that MySQL 8 wants encrypted go over TLS, which it has by default. The other way, RSA without TLS, is not
//! built in: it would bring a crate more for what TLS does better.

use std::str::FromStr;

use sqlx::{
    ConnectOptions, Connection, MySqlConnection,
    mysql::{MySqlConnectOptions, MySqlSslMode},
};

use super::sql;
use crate::{Finding, call::Call};

pub(super) async fn ask(call: &Call<'_>) -> Result<Finding, Finding> {
    let url = sql::url(call.subject, &["mysql", "mariadb"])?;
    let at = sql::address(&url, 3306);
    let query = async {
        let mut options = MySqlConnectOptions::from_str(url.as_str())?.disable_statement_logging();
        if sql::wants_tls(&url) {
            options = options.ssl_mode(MySqlSslMode::VerifyIdentity);
        }
        if let Some(authorities) = &call.settings.authorities {
            options = options.ssl_ca(authorities);
        }
        let mut connection = MySqlConnection::connect_with(&options).await?;
        let query = "select version(), @@version_comment, coalesce(database(), '')";
        let row: (String, String, String) =
            sqlx::query_as(query).fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(row)
    };
    let (version, comment, database) = sql::asked(call, &at, query, refused).await?;
    let engine = match version.contains("MariaDB") || comment.contains("MariaDB") {
        true => "MariaDB",
        false => "MySQL",
    };
    let number = version.split('-').next().unwrap_or(&version);
    let finding = Finding::green(format!("{at} lets us in; it is {engine} {number}"))
        .fact("engine", engine)
        .fact("version", version.as_str());
    let database = (!database.is_empty()).then_some(database);
    Ok(finding.fact_if("database", database))
}

/// What the codes mean with which a server refuses a connection: SQLSTATE, as the MySQL documentation has it under
/// "Server Error Message Reference".
fn refused(code: &str) -> Option<&'static str> {
    match code {
        "28000" => Some("refuses the user or the password"),
        "42000" => Some("has no such database, or not for this user"),
        "08004" => Some("has too many connections already"),
        _ => None,
    }
}
