//! The table of records: appended to, paged through, never changed.

use std::sync::Arc;

use sqlx::{FromRow, SqliteConnection};
use towpath_core::{
    Digest, Time,
    journal::{Draft, Head, Record, Stream},
};

use super::{Store, StoreError};

/// A record as its row.
#[derive(FromRow)]
struct Row {
    seq: i64,
    stream: String,
    version: i64,
    at: i64,
    actor: String,
    kind: String,
    body: String,
    prev: String,
    hash: String,
}

impl TryFrom<Row> for Record {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Record, StoreError> {
        let bad = |why: &dyn std::fmt::Display| bad(format!("record {}: {why}", row.seq));
        Ok(Record {
            seq: number(row.seq)?,
            stream: row.stream.parse().map_err(|why| bad(&why))?,
            version: number(row.version)?,
            at: Time(row.at),
            actor: row.actor,
            kind: row.kind,
            body: serde_json::from_str(&row.body).map_err(|why| bad(&why))?,
            prev: row.prev.parse().map_err(|why| bad(&why))?,
            hash: row.hash.parse().map_err(|why| bad(&why))?,
        })
    }
}

fn bad(why: impl ToString) -> StoreError {
    StoreError::BadRow {
        what: "a record",
        why: why.to_string(),
    }
}

fn number(stored: i64) -> Result<u64, StoreError> {
    u64::try_from(stored).map_err(bad)
}

/// Which records to read.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Only those after this one.
    pub after: u64,
    /// Only those of this stream.
    pub stream: Option<Stream>,
    /// At most so many.
    pub limit: u32,
}

/// The last record's position; 0 when there is none.
pub(super) async fn last(connection: &mut SqliteConnection) -> Result<u64, StoreError> {
    let last: Option<i64> = sqlx::query_scalar("SELECT MAX(seq) FROM journal")
        .fetch_one(connection)
        .await?;
    number(last.unwrap_or(0))
}

/// Records in their order.
pub(super) async fn read(
    connection: &mut SqliteConnection,
    page: &Page,
) -> Result<Vec<Record>, StoreError> {
    let after = i64::try_from(page.after).map_err(bad)?;
    let stream = page.stream.as_ref().map(ToString::to_string);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT seq, stream, version, at, actor, kind, body, prev, hash FROM journal
         WHERE seq > $1 AND ($2 IS NULL OR stream = $2) ORDER BY seq LIMIT $3",
    )
    .bind(after)
    .bind(stream)
    .bind(i64::from(page.limit))
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Record::try_from).collect()
}

/// Where a stream ends.
async fn head(connection: &mut SqliteConnection, stream: &Stream) -> Result<Head, StoreError> {
    let row: Option<(i64, String)> = sqlx::query_as(
        "SELECT version, hash FROM journal WHERE stream = $1 ORDER BY version DESC LIMIT 1",
    )
    .bind(stream.to_string())
    .fetch_optional(connection)
    .await?;
    match row {
        None => Ok(Head::EMPTY),
        Some((version, hash)) => {
            let hash: Digest = hash.parse().map_err(bad)?;
            Ok(Head {
                version: number(version)?,
                hash,
            })
        }
    }
}

/// Writes a draft as the record at `seq`.
pub(super) async fn append(
    connection: &mut SqliteConnection,
    seq: u64,
    draft: Draft,
) -> Result<Arc<Record>, StoreError> {
    let head = head(connection, &draft.stream).await?;
    let record = Record::chain(draft, seq, head);
    sqlx::query(
        "INSERT INTO journal (seq, stream, version, at, actor, kind, body, prev, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(i64::try_from(record.seq).map_err(bad)?)
    .bind(record.stream.to_string())
    .bind(i64::try_from(record.version).map_err(bad)?)
    .bind(record.at.0)
    .bind(&record.actor)
    .bind(&record.kind)
    .bind(record.body.to_string())
    .bind(record.prev.to_string())
    .bind(record.hash.to_string())
    .execute(connection)
    .await?;
    Ok(Arc::new(record))
}

impl Store {
    /// A page of the journal.
    pub async fn records(&self, page: &Page) -> Result<Vec<Record>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        read(&mut connection, page).await
    }
}
