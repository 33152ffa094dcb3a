//! What is in an environment's database, and damage to the journal's.

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
        runtime().block_on(async {
            let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
            let number = sqlx::query_scalar(sql).fetch_one(&mut connection).await;
            connection.close().await.unwrap();
            number.unwrap()
        })
    }

    /// Changes an environment's database, as its services might.
    pub fn execute(&self, environment: &str, sql: &'static str) {
        let folder = self.data().join("databases").join(environment);
        let options = SqliteConnectOptions::new().filename(folder.join("main.db"));
        runtime().block_on(async {
            let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
            sqlx::query(sql).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        });
    }

    /// Changes the journal's database behind everybody's back.
    pub fn damage(&self, sql: &'static str) {
        let file = self.data().join("journal.db");
        let options = SqliteConnectOptions::new().filename(file);
        runtime().block_on(async {
            let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
            let done = sqlx::query(sql).execute(&mut connection).await.unwrap();
            assert_ne!(done.rows_affected(), 0, "nothing was damaged");
            connection.close().await.unwrap();
        });
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}
