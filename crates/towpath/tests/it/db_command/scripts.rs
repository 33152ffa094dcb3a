//! A tool of a few lines: it fails halfway, lies, tells what it should not, and is killed.

use std::fs;

use super::{project, release, told};
use crate::project::Project;

/// Applies each file by writing its name down; one that says `fail` fails. The names that it tells are those of its list.
const TOOL: &str = r#"set -eu
cd "$(dirname "$0")"
list="ROOT/applied"
touch "$list"
case $1 in
status)
  if [ -e "ROOT/broken" ]; then echo "cannot connect to $DATABASE_URL"; exit 1; fi
  sed 's/^/[X] /' "$list"
  ;;
migrate)
  echo run >> "ROOT/runs"
  for file in steps/*.txt; do
    name=$(basename "$file" .txt)
    if grep -qx "$name" "$list"; then continue; fi
    while [ -e "ROOT/tool-gate" ]; do sleep 0.02; done
    if grep -q fail "$file"; then echo "$name is wrong: $TOKEN"; exit 3; fi
    echo "$name" >> "$list"
  done
  ;;
esac
"#;

fn scripted() -> Project {
    let project = project(
        "sqlite",
        "migrations = \"steps\"\nmigrate = \"sh tool.sh migrate\"\nstatus = \"sh tool.sh status\"\n",
    );
    let root = project.path("").display().to_string();
    project.write("tool.sh", TOOL.replace("ROOT", root.trim_end_matches('/')));
    let token = project.path("token");
    fs::write(&token, "hunter2-hunter2").unwrap();
    let value = format!(
        "[environments.staging.config]\nTOKEN = \"file://{}\"\n",
        token.display()
    );
    project.change("towpath.toml", "[environments.staging.config]\n", &value);
    let keys = "[config.EFFECTS]\n\n[config.TOKEN]\nsecret = true\nrequired = false\n\n[environments.staging]\n";
    project.change("towpath.toml", "[environments.staging]\n", keys);
    project.write("steps/1_a.txt", "# towpath: expand because it is new\n");
    release(&project, "1");
    project
}

fn applied(project: &Project) -> String {
    fs::read_to_string(project.path("applied")).unwrap_or_default()
}

fn runs(project: &Project) -> usize {
    let runs = fs::read_to_string(project.path("runs"));
    runs.unwrap_or_default().lines().count()
}

#[test]
fn a_tool_that_fails_halfway_is_gone_on_with() {
    let project = scripted();
    project.towpath("deploy stg", 0);
    project.write("steps/2_b.txt", "");
    project.write("steps/3_c.txt", "fail\n");
    release(&project, "2");
    let ran = project.towpath("deploy stg", 1);
    assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
    ran.says(&["applied: 2_b; not applied: 3_c", "3_c is wrong: "]);
    assert_eq!(told(&project), [vec!["1_a", "2_b"], vec!["3_c"]]);
    // What was applied counts, though the release is not live: nothing is known of what it does.
    project.towpath("deploy stg v1", 3).shows(&[
        "v1 does not know migration 2_b",
        "breaks on it: nothing says what it does",
    ]);
    project.write("steps/3_c.txt", "");
    release(&project, "3");
    project
        .towpath("deploy stg", 0)
        .says(&["applied 3_c, after a snapshot"]);
    assert_eq!(applied(&project), "1_a\n2_b\n3_c\n");
}

#[test]
fn what_tool_files_and_receipts_disagree_on_is_refused() {
    let project = scripted();
    project.towpath("deploy stg", 0);
    // It tells what it has taken back no more.
    fs::write(project.path("applied"), "").unwrap();
    project.towpath("db status stg", 1).says(&[
        "could not plan past migration 1_a: it has a receipt, and the tool's status does not tell it as applied",
        "settle it as not applied",
    ]);
    project.write("steps/2_b.txt", "");
    release(&project, "2");
    project
        .towpath("deploy stg", 1)
        .says(&["could not plan past migration 1_a"]);
    assert_eq!(runs(&project), 1);
    let ran = project.towpath("db settle stg 1_a --applied", 3);
    ran.says(&["db::of-tool", "could not settle migration 1_a as applied"]);
    let ran = project.towpath("db settle stg 2_b --not-applied", 1);
    ran.says(&["settle migration 2_b: nothing about it is in doubt"]);
    project.towpath("db settle stg 1_a --not-applied", 0);
    project
        .towpath("deploy stg", 0)
        .says(&["applied 2 migrations"]);

    // It tells what no file is, also by another name than any has.
    fs::write(
        project.path("applied"),
        "1_a\n2_b\n9_elsewhere\n\u{7}\u{1b}]0;title\u{7}\n",
    )
    .unwrap();
    let refused = project.towpath("db status stg", 1);
    assert!(
        !refused.stderr.contains(['\u{7}', '\u{1b}']),
        "{}",
        refused.stderr
    );
    refused.says(&["the database has it and the migration set has not"]);
    // It cannot tell.
    fs::write(project.path("applied"), "1_a\n2_b\n").unwrap();
    fs::write(project.path("broken"), "").unwrap();
    project.towpath("db status stg", 1).says(&[
        "could not tell what is applied in staging",
        "cannot connect",
    ]);
    fs::remove_file(project.path("broken")).unwrap();
    // A file was edited.
    project.write("steps/1_a.txt", "another\n");
    project
        .towpath("db status stg", 1)
        .says(&["1_a: its file was edited after it was applied"]);
}

#[test]
fn how_the_tool_ended_is_told_where_its_answer_is_refused() {
    let project = scripted();
    project.towpath("deploy stg", 0);
    // It loses what it had applied, tells what no file is, and fails.
    project.change(
        "tool.sh",
        "  echo run >>",
        "  echo 9_elsewhere >> \"$list\"; echo it is lost; exit 4\n  echo run >>",
    );
    project.write("steps/2_b.txt", "");
    release(&project, "2");
    project.towpath("deploy stg", 1).says(&[
        "`sh tool.sh migrate` ended with exit status 4",
        "it is lost",
        "the database has it and the migration set has not",
    ]);
}

#[test]
fn what_comes_after_a_migration_is_told_by_its_name() {
    let project = scripted();
    project.write(
        "steps/2_b.txt",
        "# towpath: contract after 1_a because nobody needs it\n",
    );
    release(&project, "2");
    project
        .towpath("plan stg", 0)
        .shows(&["+ 2_b  declared contract after 1_a, because nobody needs it"]);
}

/// The tool would find the real database.
#[test]
fn no_clone_is_made_of_what_a_tool_migrates() {
    let project = scripted();
    project.towpath("deploy stg", 0);
    project.write("steps/2_b.txt", "");
    release(&project, "2");
    project.towpath("rehearse stg --clone", 3).says(&[
        "could not rehearse on a clone of staging: its own tool migrates database main",
        "leave --clone out",
    ]);
    assert_eq!(runs(&project), 1);
    assert!(!project.data().join("databases/staging~clone").exists());
    project.towpath("status", 0).shows(&["v1"]);
}

#[test]
fn a_tool_that_does_nothing_is_found_out() {
    let project = scripted();
    project.change(
        "towpath.toml",
        "migrate = \"sh tool.sh migrate\"",
        "migrate = \"true\"",
    );
    release(&project, "1b");
    project.towpath("deploy stg", 1).says(&[
        "`true` passed, and `sh tool.sh status` does not tell as applied what it was to apply",
        "applied: nothing; not applied: 1_a",
    ]);
    assert_eq!(told(&project), [Vec::<String>::new(), vec!["1_a".into()]]);
}

#[test]
fn what_the_tool_had_applied_before_is_taken_over() {
    let project = scripted();
    fs::write(project.path("applied"), "1_a\n").unwrap();
    project.towpath("db adopt stg", 0).says(&["0 taken over"]);
    let folder = project.data().join("databases/staging");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("main.db"), "").unwrap();
    project.write("steps/2_b.txt", "");
    let ran = project.towpath("db adopt stg --json", 0);
    let adopted = ran.says(&["1 taken over"]);
    let adopted: serde_json::Value = adopted.json();
    assert_eq!(adopted["databases"][0]["adopted"][0], "1_a");
    project.towpath("db adopt stg", 0).says(&["0 taken over"]);
    assert_eq!(told(&project), [vec!["1_a"], vec!["2_b"]]);
    let ran = project.towpath("db migrate stg --json", 0);
    let shown: serde_json::Value = ran.says(&["applied 2_b"]).json();
    assert_eq!(shown["databases"][0]["applied"][0], "2_b");
    assert_eq!(applied(&project), "1_a\n2_b\n");
}

#[test]
fn a_worker_that_is_killed_has_the_tool_run_once() {
    for point in [
        "about to migrate for d1.migrate-main.1",
        "what is to be applied has its receipts",
        "the tool migrates",
        "the tool has migrated",
        "what was applied has its receipts",
    ] {
        let project = scripted();
        let died = project.ask("deploy stg").dies_at(point).run();
        assert_eq!(died.status.code(), None, "{point}: {}", died.stderr);
        project.towpath("retry stg", 0);
        assert_eq!(applied(&project), "1_a\n", "killed at {point}");
        assert_eq!(runs(&project), 1, "killed at {point}");
        let shown: serde_json::Value = project.towpath("db status stg --json", 0).json();
        let receipt = &shown["databases"][0]["applied"][0];
        assert_eq!(receipt["name"], "1_a", "killed at {point}");
        assert_eq!(
            receipt["applied_by"], "d1.migrate-main.1",
            "killed at {point}"
        );
    }
}
