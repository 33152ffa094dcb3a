//! A user's migration set: layouts, contracts, plan, apply with receipts, snapshot and restore.
//!
//! A library of its own: it knows databases and files, and nothing of releases, environments or deployments. A set is
//! read from a folder or from bytes ([`layout`]), planned against what the database remembers ([`Database::plan`]: no
//! effect at all) and applied ([`Database::apply`]: each migration in one transaction with its [`Receipt`]). What its
//! statements do to running code is read from their text ([`classify`](mod@classify)), to propose a contract. What a
//! database holds is a value ([`schema`]), compared with what a set makes and turned into the migration between the two.
//!
//! ```
//! use towpath_migrate::{Database, layout};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # std::env::set_current_dir(&folder)?;
//! # std::fs::create_dir("migrations")?;
//! # std::fs::write("migrations/1_create_guests.sql", "CREATE TABLE guests (name TEXT NOT NULL);")?;
//! let set = layout::sqlx::load("migrations")?;
//! let database = Database::open("sqlite://data/guestbook.db")?.create_if_missing();
//!
//! let plan = database.plan(&set).await?;
//! assert_eq!(plan.pending[0].name, "create guests");
//!
//! let clock = || 1_790_000_000_000; // milliseconds since 1970
//! let receipts = database.apply(&plan, "deployment/7", clock, |event| println!("{event:?}")).await?;
//! assert_eq!(receipts[0].applied_by, "deployment/7");
//!
//! database.snapshot("data/before.db").await?;
//! assert!(database.plan(&set).await?.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! # Engines
//!
//! * SQLite: a file. Each migration is one transaction with its receipt.
//! * PostgreSQL: the same, under an advisory lock of the session. What cannot be in a transaction, such as `CREATE INDEX
//!   CONCURRENTLY`, is run statement by statement, each noted; what was cut short goes on where it stopped, and an index
//!   that is not valid is made anew.
//! * MySQL and MariaDB: statement by statement, because they end a transaction at every change of the schema; where all of
//!   a migration changes rows only, it is one transaction.
//!
//! # Limits
//!
//! * What is run step by step has no temporary table from one step to the next: it would be gone when it goes on.
//! * The tables of the users' own tools are kept in step under their default names; a `sqlx.toml` that renames sqlx's
//!   table or leaves characters out of checksums is not read.
//! * SQLite: while a migration runs, foreign keys neither refuse nor cascade; they are checked once before its commit,
//!   which reads every table that has some. It holds the one right to write for as long as it takes: services read on,
//!   and their writes wait. Outside a transaction nothing is gone on with: a person settles what is half done.
//! * PostgreSQL: a pool that hands out another connection for each transaction cannot hold the lock; `psql`'s own
//!   commands and `COPY … FROM STDIN` are refused. Snapshots take `pg_dump`, `pg_restore` and `psql` of the server's
//!   version or a later one, and restoring takes the right to drop its schemas.
//! * MySQL: whether a statement that was cut short has been done is read from the schema, which therefore nobody else may
//!   change meanwhile; one that changes something else, such as a user's rights, is run again, so that a user is made with
//!   `IF NOT EXISTS`. Rows of tables without transactions (MyISAM) are not written, where that is seen: not in what
//!   triggers and routines do. `DELIMITER`, `USE` and `LOCK TABLES` are refused. A restore is not one transaction: cut short, it is to be run again.
//! * Restoring loses what was written since the snapshot. A process killed while it takes a snapshot leaves a hidden
//!   `.NAME.partial` beside its place, which the next try under that name replaces.
//! * What migrations make is seen by running them on a scratch database: on a server its user must be allowed to make
//!   one, and what they do to the whole server they do again. What is no part of a schema is said in [`schema`].
//! * Beside a SQLite database lies its `.towpath-lock`, for good: it is empty of meaning when nobody applies.
//!
//! Every error completes "could not …" and has a `remedy()`: what a person does about it.

mod apply;
mod batches;
pub mod classify;
mod clone;
mod compare;
mod contract;
mod database;
mod digest;
mod engine;
mod error;
pub mod layout;
mod migration;
mod oversee;
mod plan;
mod receipt;
mod record;
pub mod schema;
mod scratch;
mod script;
mod settle;
mod snapshot;
mod told;
mod version;

pub use apply::{ApplyError, Event, UndoError};
pub use batches::{Batched, Batches, Pause};
pub use clone::{CloneError, CloneName};
pub use compare::{CompareError, Compared};
pub use contract::{BadContract, Contract, ContractKind};
pub use database::{Database, LOCK_TIMEOUT, PATIENCE, STATEMENT_TIMEOUT};
pub use error::{DatabaseError, LockError};
pub use layout::{Layout, LayoutError, LayoutProblem, UnknownLayout};
pub use migration::{Migration, MigrationSet, title};
pub use oversee::{Oversight, Turned};
pub use plan::{Plan, PlanError};
pub use receipt::{ADOPTED, History, NativeRow, Progress, Receipt, ReceiptState};
pub use record::RecordError;
pub use scratch::ScratchError;
pub use script::{FailedStatement, ScriptError, ScriptProblem};
pub use settle::{SettleError, Settlement};
pub use snapshot::{Snapshot, SnapshotError};
pub use told::{BadReading, Reading, Status, ToldPlan};
pub use version::{BadVersion, Version};
