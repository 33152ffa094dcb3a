//! What a database remembers of its migrations: our receipts, with every statement on their table, and beside them the
//! rows of the user's own tool (in `native`). For every engine.

mod flyway;
mod native;

use super::connection::{Change, Connection, Row};
use crate::{
    ADOPTED, BadVersion, Batched, Contract, ContractKind, History, Layout, Migration, MigrationSet,
    NativeRow, Progress, Receipt, ReceiptState, Version, classify::Dialect, receipt::TABLE,
};

use native::Native;
pub(super) use native::is_there_after;

const COLUMNS: &str = "version, name, checksum, contract, because, state, applied_at_ms, took_ms, applied_by, down_sql";
/// What earlier versions did not have, each with what it counts as where it is not there.
const LATER_COLUMNS: [(&str, &str); 8] = [
    ("down_transactional", "1"),
    ("done", "NULL"),
    ("done_checksum", "NULL"),
    ("before_doing", "NULL"),
    ("done_variables", "NULL"),
    // The version where it is no whole number; `version` is its key then.
    ("written", "NULL"),
    ("batched", "NULL"),
    ("contract_after", "NULL"),
];

/// Those that came one by one, and are added to a table where they are missing.
const ADDED: [&str; 4] = ["done_variables", "written", "batched", "contract_after"];

/// The type of text of any length. MySQL's TEXT ends at 64 KiB.
fn long_text(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Mysql => "LONGTEXT",
        Dialect::Sqlite | Dialect::Postgres => "TEXT",
    }
}

fn table(dialect: Dialect) -> String {
    let long = long_text(dialect);
    // MySQL's catalogue does not say of which table a check is.
    let (short, check) = match dialect {
        Dialect::Mysql => ("VARCHAR(100)", ""),
        Dialect::Sqlite | Dialect::Postgres => (
            "TEXT",
            " CHECK (state IN ('started', 'applied', 'undoing'))",
        ),
    };
    format!(
        "CREATE TABLE IF NOT EXISTS {TABLE} (
    version BIGINT NOT NULL PRIMARY KEY,
    name {long} NOT NULL,
    checksum {short} NOT NULL,
    contract {short} NOT NULL,
    because {long},
    state {short} NOT NULL{check},
    applied_at_ms BIGINT NOT NULL,
    took_ms BIGINT NOT NULL,
    applied_by {long} NOT NULL,
    down_sql {long},
    down_transactional BIGINT NOT NULL DEFAULT 1,
    done BIGINT,
    done_checksum {short},
    before_doing {long},
    done_variables {long},
    written {long},
    batched {long},
    contract_after {long}
)"
    )
}

/// Makes our table, and that of the tool that the set is laid out for, where they are missing.
pub(super) async fn create(connection: &mut Connection, layout: Layout) -> Result<(), sqlx::Error> {
    let columns = connection.columns(TABLE).await?;
    let has = |name: &str| columns.iter().any(|column| column == name);
    if columns.is_empty() {
        let sql = table(connection.dialect());
        connection.execute(&sql).await?;
    } else if has("done") {
        let long = long_text(connection.dialect());
        for name in ADDED.into_iter().filter(|name| !has(name)) {
            let sql = format!("ALTER TABLE {TABLE} ADD COLUMN {name} {long}");
            connection.execute(&sql).await?;
        }
    } else {
        extend(connection).await?;
    }
    native::create(connection, layout).await
}

/// Brings the table of an earlier version, which was for SQLite only, up to what it is now. Its check cannot be changed.
async fn extend(connection: &mut Connection) -> Result<(), sqlx::Error> {
    let made = table(connection.dialect());
    connection
        .execute(&format!("ALTER TABLE {TABLE} RENAME TO {TABLE}_before"))
        .await?;
    connection.execute(&made).await?;
    let copy = format!("INSERT INTO {TABLE} ({COLUMNS}) SELECT {COLUMNS} FROM {TABLE}_before");
    connection.execute(&copy).await?;
    connection
        .execute(&format!("DROP TABLE {TABLE}_before"))
        .await
}

/// Everything that is remembered, with the rows of the tool that the set is laid out for; of sqlx's without a set.
pub(super) async fn read(
    connection: &mut Connection,
    set: Option<&MigrationSet>,
) -> Result<History, sqlx::Error> {
    let mut history = History::default();
    let mut tables = vec![TABLE];
    tables.extend(Layout::ALL.into_iter().filter_map(Layout::history_table));
    tables.sort_unstable();
    tables.dedup();
    let tables = connection.columns_of(&tables).await?;
    if let Some(columns) = tables.get(TABLE) {
        let later =
            LATER_COLUMNS.map(
                |(name, absent)| match columns.iter().any(|column| column == name) {
                    true => name.to_owned(),
                    false => format!("{absent} AS {name}"),
                },
            );
        let sql = format!("SELECT {COLUMNS}, {} FROM {TABLE}", later.join(", "));
        for row in connection.rows(&sql, &[]).await? {
            let receipt = receipt(&row)?;
            history.receipts.insert(receipt.version, receipt);
        }
    }
    let own = set.map_or(Layout::Sqlx, MigrationSet::layout);
    if let Some(table) = own.history_table()
        && let Some(columns) = tables.get(table)
    {
        let mut strange = !native::is_its_own(columns, own);
        if !strange {
            let recorded = native::read(connection, own, set, &history.receipts).await?;
            strange = recorded.unread;
            history.native = recorded.rows;
        }
        if strange {
            history.unread.insert(table);
        }
    }
    for layout in Layout::ALL {
        let Some(table) = layout.history_table() else {
            continue;
        };
        let Some(columns) = tables.get(table) else {
            continue;
        };
        // A user may have a table of that name for something else.
        if Some(table) != own.history_table()
            && native::is_its_own(columns, layout)
            && native::filled(connection, table).await?
        {
            history.unread.insert(table);
        }
    }
    Ok(history)
}

/// A version that is kept as text.
fn version(text: Option<String>) -> Result<Option<Version>, sqlx::Error> {
    let version = text.map(|text| text.parse()).transpose();
    version.map_err(|error: BadVersion| sqlx::Error::Decode(Box::new(error)))
}

fn receipt(row: &Row) -> Result<Receipt, sqlx::Error> {
    let state = row.text("state")?;
    Ok(Receipt {
        version: match version(row.maybe("written")?)? {
            Some(version) => version,
            None => row.integer("version")?.into(),
        },
        name: row.text("name")?,
        checksum: row.text("checksum")?,
        contract: Contract {
            kind: ContractKind::recorded(&row.text("contract")?),
            because: row.maybe("because")?,
            after: version(row.maybe("contract_after")?)?,
        },
        state: ReceiptState::recorded(&state),
        applied_at_ms: row.integer("applied_at_ms")?,
        took_ms: row.integer("took_ms")?,
        applied_by: row.text("applied_by")?,
        down: row.maybe("down_sql")?,
        down_transactional: row.flag("down_transactional")?,
        progress: match row.maybe("done")? {
            None => None,
            Some(_) => Some(Progress {
                done: usize::try_from(row.integer("done")?).unwrap_or_default(),
                checksum: row.text("done_checksum")?,
                before: row.maybe("before_doing")?,
                variables: row.maybe("done_variables")?,
                batched: row.maybe("batched")?.as_deref().and_then(Batched::of_text),
            }),
        },
    })
}

/// The receipt for a migration that is being applied.
pub(crate) fn receipt_for(migration: &Migration, key: &str, applied_at_ms: i64) -> Receipt {
    Receipt {
        version: migration.version,
        name: migration.name.clone(),
        checksum: migration.checksum.clone(),
        contract: migration.contract.clone(),
        state: ReceiptState::Applied,
        applied_at_ms,
        took_ms: 0,
        applied_by: key.to_owned(),
        down: migration.down.clone(),
        down_transactional: migration.down_transactional,
        progress: None,
    }
}

/// The receipt for a migration that the user's own tool has applied.
pub(crate) fn adopted(migration: &Migration, row: &NativeRow) -> Receipt {
    Receipt {
        took_ms: row.took_ms,
        ..receipt_for(migration, ADOPTED, row.installed_at_ms)
    }
}

/// Writes a receipt, in place of the one there may be.
pub(super) async fn put_receipt(
    connection: &mut Connection,
    receipt: &Receipt,
) -> Result<(), sqlx::Error> {
    let change = receipt_of(connection.dialect(), receipt);
    connection.make(&change).await.map(drop)
}

/// Writes a receipt, and records the migration as a layout's tool does: before it, when it runs outside a transaction and the
/// tool can say so, and after it.
pub(super) async fn put_with_receipt(
    connection: &mut Connection,
    layout: Layout,
    migration: &Migration,
    receipt: &Receipt,
) -> Result<(), sqlx::Error> {
    let success = receipt.state == ReceiptState::Applied;
    let dialect = connection.dialect();
    let ours = receipt_of(dialect, receipt);
    match native::record(dialect, layout, migration, success, receipt.took_ms) {
        Native::Change(theirs) => connection.make_both(ours, theirs).await,
        Native::Nothing => connection.make(&ours).await.map(drop),
        Native::Apart => {
            connection.make(&ours).await?;
            native::put(connection, layout, migration, success, receipt.took_ms).await
        }
    }
}

fn receipt_of(dialect: Dialect, receipt: &Receipt) -> Change<'_> {
    let sql = match dialect {
        Dialect::Mysql => "REPLACE INTO",
        Dialect::Sqlite | Dialect::Postgres => "INSERT INTO",
    };
    let columns: Vec<&str> = COLUMNS
        .split(", ")
        .chain(LATER_COLUMNS.map(|(name, _)| name))
        .collect();
    let mut sql = format!(
        "{sql} {TABLE} ({}) VALUES ({})",
        columns.join(", "),
        vec!["?"; columns.len()].join(", ")
    );
    if dialect != Dialect::Mysql {
        let new: Vec<String> = columns[1..]
            .iter()
            .map(|name| format!("{name} = excluded.{name}"))
            .collect();
        sql += &format!(" ON CONFLICT (version) DO UPDATE SET {}", new.join(", "));
    }
    let progress = receipt.progress.as_ref();
    let whole = receipt.version.number().is_some();
    let written = (!whole).then(|| receipt.version.to_string());
    let after = receipt.contract.after.map(|after| after.to_string());
    let done = progress.map(|progress| i64::try_from(progress.done).unwrap_or(i64::MAX));
    let batched = progress.and_then(|progress| progress.batched.as_ref());
    let batched = batched.map(Batched::to_text);
    let values = vec![
        receipt.version.into(),
        (&receipt.name).into(),
        (&receipt.checksum).into(),
        receipt.contract.kind.as_str().into(),
        receipt.contract.because.as_ref().into(),
        receipt.state.as_str().into(),
        receipt.applied_at_ms.into(),
        receipt.took_ms.into(),
        (&receipt.applied_by).into(),
        receipt.down.as_ref().into(),
        i64::from(receipt.down_transactional).into(),
        done.into(),
        progress.map(|progress| &progress.checksum).into(),
        progress
            .and_then(|progress| progress.before.as_ref())
            .into(),
        progress
            .and_then(|progress| progress.variables.as_ref())
            .into(),
        written.into(),
        batched.into(),
        after.into(),
    ];
    Change { sql, values }
}

/// Forgets a version in our table and in that of a layout's tool. `before` is the one that is the latest then.
pub(super) async fn forget(
    connection: &mut Connection,
    layout: Layout,
    version: Version,
    before: Option<Version>,
) -> Result<(), sqlx::Error> {
    let sql = format!("DELETE FROM {TABLE} WHERE version = ?");
    connection.write(&sql, &[version.into()]).await?;
    native::forget(connection, layout, version, before).await
}
