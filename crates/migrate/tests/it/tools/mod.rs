//! The users' own tools themselves, on databases of ours, and we on theirs: nothing is applied twice, whoever comes first.

mod dbmate;
mod diesel;
mod refinery;

use std::{fs, path::Path};

use towpath_migrate::{Database, Event, Layout, MigrationSet, PlanError, Settlement, layout};

use crate::kit::{Place, apply, clock, texts};

/// A tool at work on a SQLite file, with the migrations of a folder.
trait Tool {
    const LAYOUT: Layout;

    /// The files of a migration: paths from the folder, and contents.
    fn files(&self, migration: &Written) -> Vec<(String, String)>;

    /// Applies what is pending.
    fn up(&self, folder: &Path, file: &Path);

    /// How many migrations it says are pending.
    fn pending(&self, folder: &Path, file: &Path) -> usize;

    /// Reverts the last one; `None` of a tool that cannot.
    fn down(&self, folder: &Path, file: &Path) -> Option<()>;
}

/// A migration, in no tool's layout.
struct Written {
    /// Its version is this day of a month.
    day: u32,
    name: &'static str,
    up: &'static str,
    down: &'static str,
}

const MIGRATIONS: &[Written] = &[
    Written {
        day: 1,
        name: "boats",
        up: "CREATE TABLE boats (name TEXT PRIMARY KEY, length REAL);\nINSERT INTO boats VALUES ('Aurora; -- not yet', 9.5);",
        down: "DROP TABLE boats;",
    },
    Written {
        day: 2,
        name: "log_of_boats",
        up: "CREATE TABLE log (said TEXT);\nCREATE TRIGGER launched AFTER INSERT ON boats BEGIN\n  \
             INSERT INTO log VALUES (new.name);\n  INSERT INTO log VALUES ('é');\nEND;",
        down: "DROP TRIGGER launched;\nDROP TABLE log;",
    },
    Written {
        day: 3,
        name: "crews",
        up: "CREATE TABLE crews (boat TEXT REFERENCES boats);\nCREATE INDEX crews_of ON crews (boat);",
        down: "DROP TABLE crews;",
    },
    Written {
        day: 10,
        name: "more",
        up: "ALTER TABLE crews ADD COLUMN leader TEXT NOT NULL DEFAULT '';",
        down: "ALTER TABLE crews DROP COLUMN leader;",
    },
];

/// A folder with the first so many migrations, and their set.
fn folder<T: Tool>(tool: &T, place: &Place, count: usize) -> (std::path::PathBuf, MigrationSet) {
    let folder = place.path("migrations");
    for (name, text) in MIGRATIONS[..count].iter().flat_map(|m| tool.files(m)) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let set = layout::load(T::LAYOUT, &folder).unwrap();
    assert_eq!(set.migrations().len(), count);
    (folder, set)
}

/// Everything in the schema, the tool's table included, and the tool's rows without what is never the same twice.
async fn content(place: &Place, rows: &str) -> Vec<String> {
    let schema = "SELECT coalesce(sql, name) FROM sqlite_schema WHERE tbl_name NOT LIKE '_towpath_%' ORDER BY name";
    let mut content = texts(&place.file(), schema).await;
    content.extend(texts(&place.file(), rows).await);
    content
}

/// A place where the tool applied all of them alone.
fn alone<T: Tool>(tool: &T) -> Place {
    let place = Place::new();
    let (folder, _) = folder(tool, &place, MIGRATIONS.len());
    tool.up(&folder, &place.file());
    place
}

async fn empty(database: &Database, set: &MigrationSet) -> bool {
    database.plan(set).await.unwrap().is_empty()
}

/// The tool applies, then we: what it applied is adopted, and what both leave behind is what it leaves alone.
async fn we_come_second<T: Tool>(tool: &T, rows: &str) {
    let place = Place::new();
    let (early, _) = folder(tool, &place, 2);
    tool.up(&early, &place.file());
    let (late, set) = folder(tool, &place, 4);
    assert_eq!(tool.pending(&late, &place.file()), 2);

    let mut adopted = Vec::new();
    let database = place.database();
    let plan = database.plan(&set).await.unwrap();
    let applied = database.apply(&plan, "key", clock(), |event| {
        if let Event::Adopted { versions } = event {
            adopted.extend(versions);
        }
    });
    assert_eq!(applied.await.unwrap().len(), 2);
    let versions: Vec<_> = set.migrations().iter().map(|m| m.version).collect();
    assert_eq!(adopted, versions[..2]);
    assert_eq!(tool.pending(&late, &place.file()), 0);

    let alone = alone(tool);
    assert_eq!(content(&place, rows).await, content(&alone, rows).await);
    assert_eq!(
        place.database().schema_fingerprint().await.unwrap(),
        alone.database().schema_fingerprint().await.unwrap()
    );
}

/// We apply, then the tool: it finds nothing to do, and then only what is new, which we adopt.
async fn the_tool_comes_second<T: Tool>(tool: &T, rows: &str) {
    let place = Place::new();
    let (early, set) = folder(tool, &place, 3);
    apply(&place.database(), &set).await.unwrap();
    let before = content(&place, rows).await;
    assert_eq!(tool.pending(&early, &place.file()), 0);
    tool.up(&early, &place.file());
    assert_eq!(content(&place, rows).await, before);

    let (late, set) = folder(tool, &place, 4);
    assert_eq!(tool.pending(&late, &place.file()), 1);
    tool.up(&late, &place.file());
    let plan = place.database().plan(&set).await.unwrap();
    assert_eq!((plan.pending.len(), plan.adopted.len()), (0, 1));
    assert_eq!(apply(&place.database(), &set).await.unwrap().len(), 0);
    assert!(empty(&place.database(), &set).await);
    let alone = alone(tool);
    assert_eq!(content(&place, rows).await, content(&alone, rows).await);
}

/// The tool reverts what we applied: that is noticed, settled, and applied again.
async fn the_tool_reverts<T: Tool>(tool: &T, rows: &str) {
    let place = Place::new();
    let (folder, set) = folder(tool, &place, 4);
    apply(&place.database(), &set).await.unwrap();
    let before = content(&place, rows).await;
    tool.down(&folder, &place.file()).expect("a tool that can");
    assert_eq!(tool.pending(&folder, &place.file()), 1);

    let last = set.migrations()[3].version;
    let error = place.database().plan(&set).await.unwrap_err();
    assert!(
        matches!(error, PlanError::Unrecorded { version, .. } if version == last),
        "{error}"
    );
    let database = place.database();
    let settled = database.settle(&set, last, Settlement::NotApplied, "a person", || 5);
    settled.await.unwrap();
    assert_eq!(apply(&place.database(), &set).await.unwrap().len(), 1);
    assert_eq!(tool.pending(&folder, &place.file()), 0);
    assert_eq!(content(&place, rows).await, before);
}
