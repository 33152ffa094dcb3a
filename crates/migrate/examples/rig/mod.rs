//! What the comparisons with other tools share: applying in a process of one's own, and time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use towpath_migrate::{Database, Layout, layout};

/// Applies what is pending, and says how many migrations that were.
pub async fn apply(layout: Layout, folder: &str, url: &str) {
    let set = layout::load(layout, folder).unwrap();
    let database = Database::open(url).unwrap();
    let plan = database
        .plan(&set)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let receipts = database.apply(&plan, "compared", now, |_| {}).await;
    println!(
        "{}",
        receipts.unwrap_or_else(|error| panic!("{error}")).len()
    );
}

/// Milliseconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// What work comes to, and how long it takes.
pub fn timed<A>(work: impl FnOnce() -> A) -> (A, Duration) {
    let begun = Instant::now();
    let done = work();
    (done, begun.elapsed())
}
