//! What a set of migrations makes: run on a database of nobody's, looked at, and dropped again.

use crate::{
    ApplyError, Database, DatabaseError, Layout, MigrationSet, PlanError, engine::Scratch,
    schema::Schema,
};

/// Why it could not be seen what migrations make. Completes "could not …".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScratchError {
    /// They are the project's own tool's.
    #[error(
        "see what the migrations make: the project's own tool applies them, and there is no scratch database for it"
    )]
    OfTool,
    /// There is no scratch database to run them on.
    #[error("make a scratch database: {}", .0.detail())]
    Make(DatabaseError),
    /// They cannot be planned.
    #[error("run the migrations on a scratch database: could not {0}")]
    Plan(PlanError),
    /// One of them fails where nothing was before.
    #[error("run the migrations on a scratch database: could not {0}")]
    Apply(ApplyError),
    /// What they made cannot be read.
    #[error("read what the migrations made on a scratch database: {}", .0.detail())]
    Read(DatabaseError),
    /// The scratch database is still there.
    #[error("drop the scratch database: {}", .0.detail())]
    Drop(DatabaseError),
}

impl ScratchError {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            ScratchError::Make(DatabaseError::Denied { .. }) => {
                "allow the user of the URL to create databases: `ALTER ROLE … CREATEDB` in PostgreSQL, \
                 `GRANT ALL ON `towpath\\_scratch\\_%`.* TO …` in MySQL"
                    .into()
            }
            ScratchError::OfTool => {
                "ask the tool itself, such as with `alembic check`, `npx prisma migrate diff` or \
                 `python manage.py makemigrations --check`"
                    .into()
            }
            ScratchError::Plan(error) => error.remedy(),
            ScratchError::Apply(error) => error.remedy(),
            ScratchError::Drop(_) => "drop it by hand, or leave it to the next time: it is dropped then".into(),
            ScratchError::Make(error) | ScratchError::Read(error) => error.remedy(),
        }
    }
}

impl Database {
    /// The schema that a set of migrations makes where nothing was before, on a scratch database that is dropped again:
    /// a temporary file for SQLite, a database of its own on the same server otherwise. `now` is a clock in milliseconds
    /// since 1970.
    ///
    /// The user of the URL must be allowed to create databases there. What migrations do to the whole server and not to
    /// a database, such as to create a role, they do again.
    pub async fn schema_of(
        &self,
        set: &MigrationSet,
        now: impl Fn() -> i64 + Send + Sync,
    ) -> Result<Schema, ScratchError> {
        if set.layout() == Layout::Command {
            return Err(ScratchError::OfTool);
        }
        let scratch = self
            .engine()
            .scratch(now())
            .await
            .map_err(ScratchError::Make)?;
        let made = made(&scratch, set, now).await;
        let dropped = scratch.remove().await;
        let schema = made?;
        dropped.map_err(ScratchError::Drop)?;
        Ok(schema)
    }
}

async fn made(
    scratch: &Scratch,
    set: &MigrationSet,
    now: impl Fn() -> i64 + Send + Sync,
) -> Result<Schema, ScratchError> {
    let database = Database::of(scratch.engine().clone());
    let plan = database.plan(set).await.map_err(ScratchError::Plan)?;
    let applied = database.apply(&plan, "scratch", now, |_| {}).await;
    applied.map_err(ScratchError::Apply)?;
    database.schema().await.map_err(ScratchError::Read)
}
