//! A project with Flyway's files: versions in parts, and a view that is made again with every release that changes it.

use crate::project::Project;

const PEOPLE: &str = r#"test     = ["sh check.sh"]
sign_off = [{ name = "qa", role = "qa" }, { name = "acceptance", role = "leader" }]
"#;

fn view(contract: &str, which: &str) -> String {
    format!(
        "-- towpath: {contract}\nDROP VIEW IF EXISTS words;\nCREATE VIEW words AS SELECT {which} AS word FROM trips;\n"
    )
}

/// A project whose first release is live in staging.
fn project() -> Project {
    let project = Project::new();
    project.change("towpath.toml", PEOPLE, "");
    project.change(
        "towpath.toml",
        "migrations = \"migrations\"",
        "migrations = \"migrations\"\nlayout = \"flyway\"",
    );
    std::fs::remove_dir_all(project.clone().join("migrations")).unwrap();
    project.write(
        "migrations/V1__base.sql",
        "CREATE TABLE trips (id INTEGER PRIMARY KEY, said TEXT NOT NULL);\n",
    );
    project.write(
        "migrations/R__words.sql",
        view("expand because it is new", "said"),
    );
    project.commit("flyway's files");
    project.towpath("deploy stg", 0);
    project
}

fn ranks(project: &Project) -> i64 {
    project.number(
        "staging",
        "SELECT max(installed_rank) FROM flyway_schema_history",
    )
}

#[test]
fn a_view_is_made_again_by_each_release_that_has_another_text_of_it() {
    let project = project();
    assert_eq!(ranks(&project), 2);

    project.write(
        "migrations/V1.5__tide.sql",
        "-- towpath: expand\nALTER TABLE trips ADD COLUMN tide TEXT;\n",
    );
    project.write(
        "migrations/R__words.sql",
        view("expand because the column stays", "tide"),
    );
    project.commit("2: tide");
    project.towpath("plan stg", 0).shows(&[
        "+ 1.5 tide  declared expand",
        "+ R__words words  declared expand, because the column stays",
    ]);
    project.towpath("deploy stg", 0);
    assert_eq!(ranks(&project), 4);
    let shown: serde_json::Value = project.towpath("db status stg --json", 0).json();
    let applied = shown["databases"][0]["applied"].as_array().unwrap();
    let versions: Vec<_> = applied
        .iter()
        .map(|one| one["version"].to_string())
        .collect();
    assert_eq!(versions, ["1", "\"1.5\"", "\"R__words\""]);
    project.towpath("db drift stg", 0);

    // What is there keeps the first release running: it is returned to, and the view stays.
    project.towpath("rollback stg", 0);
    assert_eq!(ranks(&project), 4);

    // A text that does not keep it running is the end of going back, by name; a release with the old text goes forward.
    project.write("migrations/R__words.sql", view("contract", "id"));
    project.commit("3: numbers");
    project.towpath("deploy stg", 0);
    assert_eq!(ranks(&project), 5);
    project.towpath("rollback stg --to v1", 3).says(&[
        "migration R__words cannot be undone: it is repeatable, and is there as another text (declared contract)",
        "it is applied again as that release has it",
    ]);
    project.write(
        "migrations/R__words.sql",
        view("expand because it is new", "said"),
    );
    project.commit("4: as it was");
    project.towpath("deploy stg", 0);
    assert_eq!(ranks(&project), 6);
}
