//! What `towpath check` says of a manifest that can be used and had better not stay so.

use serde_json::Value;

use crate::project::Project;

/// Production sends mail with staging's key; it is accepted until a day, if one is given.
fn sharing(until: Option<&str>) -> Project {
    let project = Project::new();
    project.change(
        "towpath.toml",
        "[environments.staging.config]",
        "[environments.staging.resources]\n\
         mail = { config = [\"MAIL_KEY\"], owner = \"leader\" }\n\n\
         [environments.staging.config]",
    );
    let accept = until.map_or(String::new(), |until| {
        format!(
            "accept = [{{ difference = \"resources.mail\", reason = \"one account\", owner = \"leader\", until = \"{until}\" }}]\n"
        )
    });
    project.change(
        "towpath.toml",
        "[environments.production.config]",
        "[environments.production.resources]\n\
         mail = { from = \"stg\" }\n\n\
         [environments.production.config]",
    );
    project.change(
        "towpath.toml",
        "[environments.production]\n",
        &format!("[environments.production]\n{accept}"),
    );
    project
}

#[test]
fn what_production_shares_is_an_error_of_check_and_of_nothing_else() {
    let project = sharing(None);
    let checked = project.towpath("check", 6);
    checked.says(&[
        "manifest::production-shares",
        "the credentials of `mail`",
        "difference = \"resources.mail\"",
        "can be used, and should not stay so",
    ]);
    let found: Value = project.towpath("check --json", 6).json();
    assert_eq!(found["ok"], false);
    assert_eq!(found["problems"][0]["code"], "manifest::production-shares");
    project.towpath("env list", 0);
    project.towpath("plan stg", 0);
}

#[test]
fn what_is_accepted_is_accepted_until_a_day() {
    let project = sharing(Some("9999-12-31"));
    assert_eq!(project.towpath("check", 0).stderr, "");
    let project = sharing(Some("2020-02-29"));
    project.towpath("check", 6).says(&[
        "manifest::production-shares",
        "accepted until 2020-02-29",
        "ask \"leader\"",
    ]);
}

#[test]
fn a_warning_leaves_the_manifest_valid() {
    let project = Project::new();
    project.change(
        "towpath.toml",
        "[environments.staging.config]",
        "[environments.staging.resources]\nmaps = {}\n\n[environments.staging.config]",
    );
    let checked = project.towpath("check", 0);
    let checked = checked.says(&["manifest::no-owner"]);
    assert!(checked.stdout.contains("is valid"), "{}", checked.stdout);
}
