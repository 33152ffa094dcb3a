//! The users' own tools themselves, on databases of ours, and we on theirs: nothing is applied twice, whoever comes first.

mod dbmate;
mod diesel;
mod refinery;
mod site;
mod sqlx_servers;

use towpath_migrate::{Event, Layout, PlanError, Settlement};

use crate::kit::{apply, clock};
use site::{Engine, Site};

/// A tool at work on a database, with the migrations of a folder.
trait Tool {
    const LAYOUT: Layout;

    /// The files of a migration: paths from the folder, and contents.
    fn files(&self, migration: &Written) -> Vec<(String, String)>;

    /// Applies what is pending.
    async fn up(&self, site: &Site<'_>);

    /// How many migrations it says are pending.
    async fn pending(&self, site: &Site<'_>) -> usize;

    /// Reverts the last one; `None` of a tool that cannot.
    async fn down(&self, site: &Site<'_>) -> Option<()>;
}

/// A migration, in no tool's layout.
struct Written {
    /// Its version is this day of a month.
    day: u32,
    name: &'static str,
    up: String,
    down: String,
}

/// The tool applies, then we: what it applied is adopted, and what both leave behind is what it leaves alone.
async fn we_come_second<T: Tool>(tool: &T, engine: &Engine) {
    let site = engine.site("ours_second");
    site.lay(tool, 2);
    tool.up(&site).await;
    let set = site.lay(tool, 4);
    assert_eq!(tool.pending(&site).await, 2);

    let mut adopted = Vec::new();
    let database = site.database();
    let plan = database.plan(&set).await.unwrap();
    let applied = database.apply(&plan, "key", clock(), |event| {
        if let Event::Adopted { versions } = event {
            adopted.extend(versions);
        }
    });
    assert_eq!(applied.await.unwrap().len(), 2);
    let versions: Vec<_> = set.migrations().iter().map(|m| m.version).collect();
    assert_eq!(adopted, versions[..2]);
    assert_eq!(tool.pending(&site).await, 0);

    let alone = engine.site("alone");
    alone.lay(tool, 4);
    tool.up(&alone).await;
    assert_eq!(
        site.content(T::LAYOUT).await,
        alone.content(T::LAYOUT).await
    );
    assert_eq!(
        site.database().schema_fingerprint().await.unwrap(),
        alone.database().schema_fingerprint().await.unwrap()
    );
}

/// We apply, then the tool: it finds nothing to do, and then only what is new, which we adopt.
async fn the_tool_comes_second<T: Tool>(tool: &T, engine: &Engine) {
    let site = engine.site("theirs_second");
    let set = site.lay(tool, 3);
    apply(&site.database(), &set).await.unwrap();
    let before = site.content(T::LAYOUT).await;
    assert_eq!(tool.pending(&site).await, 0);
    tool.up(&site).await;
    assert_eq!(site.content(T::LAYOUT).await, before);

    let set = site.lay(tool, 4);
    assert_eq!(tool.pending(&site).await, 1);
    tool.up(&site).await;
    let plan = site.database().plan(&set).await.unwrap();
    assert_eq!((plan.pending.len(), plan.adopted.len()), (0, 1));
    assert_eq!(apply(&site.database(), &set).await.unwrap().len(), 0);
    assert!(site.database().plan(&set).await.unwrap().is_empty());

    let alone = engine.site("alone_again");
    alone.lay(tool, 4);
    tool.up(&alone).await;
    assert_eq!(
        site.content(T::LAYOUT).await,
        alone.content(T::LAYOUT).await
    );
}

/// The tool reverts what we applied: that is noticed, settled, and applied again.
async fn the_tool_reverts<T: Tool>(tool: &T, engine: &Engine) {
    let site = engine.site("reverted");
    let set = site.lay(tool, 4);
    apply(&site.database(), &set).await.unwrap();
    let before = site.content(T::LAYOUT).await;
    tool.down(&site).await.expect("a tool that can");
    assert_eq!(tool.pending(&site).await, 1);

    let last = set.migrations()[3].version;
    let error = site.database().plan(&set).await.unwrap_err();
    assert!(
        matches!(error, PlanError::Unrecorded { version, .. } if version == last),
        "{error}"
    );
    let database = site.database();
    let settled = database.settle(&set, last, Settlement::NotApplied, "a person", || 5);
    settled.await.unwrap();
    assert_eq!(apply(&site.database(), &set).await.unwrap().len(), 1);
    assert_eq!(tool.pending(&site).await, 0);
    assert_eq!(site.content(T::LAYOUT).await, before);
}

/// We undo what the tool applied and we took over: the tool finds it pending.
async fn we_undo<T: Tool>(tool: &T, engine: &Engine) {
    let site = engine.site("undone");
    let set = site.lay(tool, 4);
    tool.up(&site).await;
    apply(&site.database(), &set).await.unwrap();
    let last = [set.migrations()[3].version];
    let database = site.database();
    let undone = database.undo(T::LAYOUT, &last, "key", clock(), |_| {});
    assert_eq!(undone.await.unwrap().len(), 1);
    assert_eq!(tool.pending(&site).await, 1);
    tool.up(&site).await;
    assert_eq!(tool.pending(&site).await, 0);
}
