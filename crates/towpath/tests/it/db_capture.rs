//! `towpath db capture`: what was changed by hand becomes the next migration.

use serde_json::{Value, json};

use crate::{db::with_second, project::Project};

const MOOD: &str = "SELECT count(*) FROM pragma_table_info('trips') WHERE name = 'mood'";

/// A project with an environment that nothing is deployed to.
pub fn with_local() -> Project {
    let project = with_second();
    let manifest = std::fs::read_to_string(project.clone().join("towpath.toml")).unwrap();
    let local = "\n[environments.local]\nused_by = [\"developer\"]\n";
    project.write("towpath.toml", manifest + local);
    project
}

fn files(project: &Project) -> Vec<String> {
    let entries = std::fs::read_dir(project.clone().join("migrations")).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn what_was_changed_by_hand_becomes_the_next_migration() {
    let project = with_local();
    project.towpath("db migrate local", 0);
    project
        .towpath("db capture mood", 0)
        .shows(&["main of local is what its migrations make: there is nothing to capture"]);
    project.execute("local", "ALTER TABLE trips ADD COLUMN mood TEXT");
    project.execute("local", "CREATE INDEX by_mood ON trips (mood)");
    let before = files(&project);
    let shown = project.towpath("db capture the-mood --dry-run", 0);
    shown
        .shows(&[
            "0003_the_mood.up.sql",
            "0003_the_mood.down.sql",
            "ALTER TABLE trips ADD COLUMN mood TEXT",
            "CREATE INDEX by_mood ON trips (mood)",
            "contract: expand",
        ])
        .says(&["nothing was written"]);
    assert_eq!(files(&project), before);

    let captured: Value = project
        .towpath("db capture the-mood --reason tried --json", 0)
        .json();
    assert_eq!(captured["captured"]["version"], 3);
    assert_eq!(captured["captured"]["contract"]["kind"], "expand");
    assert_eq!(files(&project).len(), before.len() + 2);
    let status: Value = project.towpath("db status local --json", 0).json();
    let local = &status["databases"][0];
    assert_eq!(local["pending"], json!([]));
    assert_eq!(local["applied"][2]["version"], 3);
    assert_eq!(local["applied"][2]["applied_by"], "dana@acme.test");
    project.towpath("db drift local", 0);
    project
        .towpath("db lint migrations/0003_the_mood.up.sql", 0)
        .shows(&["nothing to mend"]);
    let journal = project.towpath("journal show --json", 0).stdout;
    assert!(journal.contains("tried"), "{journal}");

    // It is a migration as any other.
    project.towpath("db migrate stg", 0);
    assert_eq!(project.number("staging", MOOD), 1);
    project.towpath("db drift stg", 0);
    project.towpath("db undo local", 0);
    assert_eq!(project.number("local", MOOD), 0);
    project.towpath("db drift local", 0);
    project.towpath("db migrate local", 0);
    assert_eq!(project.number("local", MOOD), 1);
}

#[test]
fn nothing_is_captured_where_it_would_not_be_what_is_there() {
    let project = with_second();
    project
        .towpath("db capture mood", 2)
        .says(&["db::which-environment", "none that nothing is deployed to"]);
    let project = with_local();
    project.towpath("db migrate local", 0);
    project.write("migrations/0003_moon.sql", "CREATE TABLE moons (id);\n");
    project.execute("local", "ALTER TABLE trips ADD COLUMN mood TEXT");
    let before = files(&project);
    project.towpath("db capture mood", 1).says(&[
        "migration 3 (moon) is not applied there",
        "`towpath db migrate local` first",
    ]);
    project
        .ask("db capture mood --environment staging")
        .by("mallory")
        .ends(1);
    std::fs::remove_file(project.clone().join("migrations/0003_moon.sql")).unwrap();
    project
        .ask("db capture mood")
        .by("mallory")
        .ends(3)
        .says(&["mallory@acme.test may not deploy to local"]);
    assert_eq!(files(&project).len(), before.len() - 1);
}
