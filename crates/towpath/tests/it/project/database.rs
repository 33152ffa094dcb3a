//! What is in an environment's database.

use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use super::Project;

impl Project {
    /// A question to an environment's database that is answered by one number.
    pub fn number(&self, environment: &str, sql: &'static str) -> i64 {
        let file = self
            .data()
            .join("databases")
            .join(environment)
            .join("main.db");
        let options = SqliteConnectOptions::new().filename(file).read_only(true);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
            let number = sqlx::query_scalar(sql).fetch_one(&mut connection).await;
            connection.close().await.unwrap();
            number.unwrap()
        })
    }
}
