//! A PostgreSQL server: whether it lets us in, and which it is.

use std::str::FromStr;

use sqlx::{
    ConnectOptions, Connection, PgConnection,
    postgres::{PgConnectOptions, PgSslMode},
};

use super::sql;
use crate::{Finding, call::Call};

pub(super) async fn ask(call: &Call<'_>) -> Result<Finding, Finding> {
    let url = sql::url(call.subject, &["postgres", "postgresql"])?;
    let at = sql::address(&url, 5432);
    let query = async {
        let mut options = PgConnectOptions::from_str(url.as_str())?
            .application_name(&call.settings.user_agent)
            .disable_statement_logging();
        if sql::wants_tls(&url) {
            options = options.ssl_mode(PgSslMode::VerifyFull);
        }
        if let Some(authorities) = &call.settings.authorities {
            options = options.ssl_root_cert(authorities);
        }
        let mut connection = PgConnection::connect_with(&options).await?;
        let query = "select version(), current_database()::text, current_setting('server_version')";
        let row: (String, String, String) =
            sqlx::query_as(query).fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(row)
    };
    let (engine, database, version) = sql::asked(call, &at, query, refused).await?;
    let number = version.split(' ').next().unwrap_or(&version);
    Ok(
        Finding::green(format!("{at} lets us in; it is PostgreSQL {number}"))
            .fact("engine", engine)
            .fact("database", database)
            .fact("version", number),
    )
}

/// What the codes mean with which a server refuses a connection: the PostgreSQL documentation, Appendix A.
fn refused(code: &str) -> Option<&'static str> {
    match code {
        "28P01" => Some("refuses the password"),
        "28000" => Some("refuses the user"),
        "3D000" => Some("has no such database"),
        "53300" => Some("has too many connections already"),
        "57P03" => Some("cannot take connections yet"),
        _ => None,
    }
}
