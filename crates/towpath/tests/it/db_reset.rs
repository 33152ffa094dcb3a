//! `towpath db reset`: a database that is somebody's own is made anew, and no other.

use serde_json::{Value, json};

use crate::{db_capture::with_local, project::Project};

const TRIPS: &str = "SELECT count(*) FROM trips";

#[test]
fn a_developers_own_database_is_made_anew() {
    let project = with_local();
    // Where there is none yet, it is made.
    let first: Value = project.towpath("db reset --yes --json", 0).json();
    assert_eq!(first["applied"], json!([1, 2]));
    assert_eq!(first["before"], Value::Null);
    project.execute("local", "INSERT INTO trips (said) VALUES ('mine')");
    project.execute("local", "CREATE TABLE by_hand (x)");
    project.towpath("db reset", 3).says(&[
        "main of local is emptied, and gets the 2 migrations of the work tree: whatever it holds is lost",
        "trips: 2 rows\n",
        "main of local was not touched",
        "add --yes",
    ]);
    assert_eq!(project.number("local", TRIPS), 2);
    let again = project.towpath("db reset local --yes", 0);
    again.says(&[
        "copied main of local to",
        "applied 1 (trips)",
        "applied 2 (tide)",
    ]);
    assert_eq!(project.number("local", TRIPS), 1);
    project.towpath("db drift local", 0);
    let journal = project.towpath("journal show --json", 0).stdout;
    assert!(journal.contains("\"reset\""), "{journal}");
    // What cannot be made anew is not emptied.
    project.write("migrations/0003_bad.sql", "CREATE TABLE trips (x);\n");
    project.towpath("db reset --yes", 1);
    assert_eq!(project.number("local", TRIPS), 1);
    // And what was lost can be had back.
    std::fs::remove_file(project.clone().join("migrations/0003_bad.sql")).unwrap();
    project.execute("local", "INSERT INTO trips (said) VALUES ('mine')");
    let before: Value = project.towpath("db reset --yes --json", 0).json();
    let copy = before["before"].as_str().unwrap();
    project.towpath(&format!("db restore local {copy} --yes"), 0);
    assert_eq!(project.number("local", TRIPS), 2);
}

#[test]
fn what_others_use_is_never_made_anew() {
    let project = with_local();
    let refused = |line: &str, text: &str| {
        project
            .towpath(&format!("db reset {line} --yes"), 3)
            .says(&["db::not-your-own", text]);
    };
    refused("production", "it is production");
    refused("stg", "deployments come to it from develop");
    let manifest = std::fs::read_to_string(project.clone().join("towpath.toml")).unwrap();
    let other = |name: &str, home: &str| {
        format!(
            "\n[environments.{name}]\nused_by = [\"developer\"]\ndatabases.main = {{ same_as = \"{home}\" }}\n"
        )
    };
    project.write(
        "towpath.toml",
        manifest + &other("preview", "staging") + &other("pair", "local"),
    );
    refused("preview", "its database main is that of staging");
    refused("local", "pair uses its database main too");
    assert_eq!(project.number("staging", TRIPS), 1);
}

/// Says by which command the database is filled.
fn seeded(project: &Project, lines: &str) {
    project.change(
        "towpath.toml",
        "[databases.main]\n",
        &format!("[databases.main]\n{lines}\n"),
    );
}

#[test]
fn a_seed_fills_what_was_made_anew() {
    let project = with_local();
    seeded(&project, "seed = \"sh seed.sh\"");
    let into = project.path("seen");
    project.write(
        "seed.sh",
        format!(
            "echo \"$TOWPATH_ENVIRONMENT ${{DATABASE_URL##*/}} $(pwd)\" > {}\necho forty trips\n",
            into.display()
        ),
    );
    let reset = project.towpath("db reset --yes", 0);
    reset.says(&[
        "applied 2 (tide)",
        "seeds main of local by `sh seed.sh`",
        "  forty trips",
    ]);
    let seen = std::fs::read_to_string(&into).unwrap();
    let tree = project.clone().canonicalize().unwrap();
    assert_eq!(seen, format!("local main.db {}\n", tree.display()));
    std::fs::remove_file(&into).unwrap();
    let reset: Value = project.towpath("db reset --yes --json", 0).json();
    assert_eq!(reset["seeded"], "sh seed.sh");
    std::fs::remove_file(&into).unwrap();
    let reset: Value = project.towpath("db reset --yes --no-seed --json", 0).json();
    assert_eq!(reset["seeded"], Value::Null);
    assert!(!into.exists());
    // It is kept nowhere that it ran.
    let jobs = std::fs::read_dir(project.data().join("target/jobs"));
    let jobs = jobs.unwrap().flatten().map(|entry| entry.file_name());
    let left: Vec<_> = jobs
        .filter(|name| name.to_string_lossy().starts_with("seed-"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_seed_that_fails_or_does_not_end_is_told() {
    let project = with_local();
    seeded(&project, "seed = \"sh seed.sh\"\nseed_within = \"1s\"");
    project.write("seed.sh", "echo no trips today\nexit 3\n");
    project.towpath("db reset --yes", 1).says(&[
        "db::seed-failed",
        "  no trips today",
        "main of local is made anew, and could not be seeded by `sh seed.sh`: it ended with",
        "--no-seed",
    ]);
    // The migrations are there.
    project.towpath("db drift local", 0);
    assert_eq!(project.number("local", TRIPS), 1);
    project.write("seed.sh", "exec sleep 600\n");
    project
        .towpath("db reset --yes", 1)
        .says(&["it was not done within 1s"]);
}

#[test]
fn nothing_is_emptied_for_a_seed_whose_configuration_is_not_there() {
    let project = with_local();
    project.towpath("db reset --yes", 0);
    project.execute("local", "INSERT INTO trips (said) VALUES ('mine')");
    seeded(&project, "seed = \"sh seed.sh\"");
    let manifest = std::fs::read_to_string(project.clone().join("towpath.toml")).unwrap();
    project.write(
        "towpath.toml",
        manifest + "\n[config]\nEFFECTS = { required = false }\nTIDES_KEY = { secret = true }\n",
    );
    let refused = project.ask("db reset --yes").run();
    assert!(refused.told().contains("TIDES_KEY"), "{}", refused.told());
    assert_eq!(project.number("local", TRIPS), 2);
}

/// What a developer alone has applied may still be edited: `db lint` itself asks for a line at its top.
#[test]
fn what_only_its_owner_has_applied_may_be_edited() {
    let project = with_local();
    project.write("migrations/0003_gone.up.sql", "DROP TABLE trips;\n");
    project.write(
        "migrations/0003_gone.down.sql",
        "CREATE TABLE trips (said TEXT);\n",
    );
    project.towpath("db migrate local", 0);
    project
        .towpath("db lint", 1)
        .shows(&["begin it with `-- towpath: irreversible`"]);
    project.write(
        "migrations/0003_gone.up.sql",
        "-- towpath: irreversible\nDROP TABLE trips;\n",
    );
    let way = "help: restore the file as it was, and put the change into a new migration; \
               or, where it was applied to local alone, `towpath db undo local --to 2` first";
    for line in ["db status local", "db migrate local"] {
        project.towpath(line, 1).says(&[way]);
    }
    // Where it is not applied, it is looked at.
    project
        .towpath("db lint", 0)
        .shows(&["declares irreversible"])
        .says(&["local is left out: could not plan past migration 3 (gone)"]);
    project.towpath("db undo local --to 2", 0);
    project.towpath("db migrate local", 0);
    project.towpath("db lint", 0);

    project.change("migrations/0001_trips.sql", "CREATE", "CREATE ");
    project
        .towpath("db status local", 1)
        .says(&["or, where it was applied to local alone, `towpath db reset local` first"]);
    // A release has brought it to others.
    let told = project.towpath("db status stg", 1).stderr;
    assert!(told.contains("restore the file as it was"), "{told}");
    assert!(!told.contains("alone"), "{told}");
}
