//! What the binary tells about environments and what they use.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::Value;

use crate::project::Project;

/// The project, with mail that staging declares and production shares, and an identity of its own for each.
fn catalogued() -> Project {
    let project = Project::new();
    project.change(
        "towpath.toml",
        "[environments.staging.config]",
        "[environments.staging.resources]\n\
         mail = { title = \"Outgoing mail\", kind = \"resend\", id = \"m-1\", config = [\"EFFECTS\"] }\n\
         identity = { kind = \"okta\", id = \"stg-id\", link = \"https://stg.okta.test\" }\n\n\
         [environments.staging.config]",
    );
    project.change(
        "towpath.toml",
        "[environments.production.config]",
        "[environments.production.resources]\n\
         mail = { from = \"stage\" }\n\
         identity = { kind = \"okta\", id = \"prd-id\" }\n\n\
         [environments.production.config]",
    );
    project.commit("a catalogue");
    project
}

fn json(project: &Project, line: &str) -> Value {
    project.towpath(&format!("{line} --json"), 0).json()
}

#[test]
fn environments_are_listed_with_what_they_use_and_share() {
    let project = catalogued();
    let listed = json(&project, "env list");
    assert_eq!(listed["version"], 1);
    let [staging, production] = listed["environments"].as_array().unwrap().as_slice() else {
        panic!("{listed}")
    };
    assert_eq!(
        (&staging["name"], &staging["branch"]),
        (&"staging".into(), &"develop".into())
    );
    assert_eq!(staging["aliases"], serde_json::json!(["stg", "stage"]));
    assert_eq!(production["group"], "production");
    assert_eq!(production["used_by"], serde_json::json!(["operator"]));
    let mail = &production["resources"][1];
    assert_eq!(
        (&mail["name"], &mail["id"]),
        (&"mail".into(), &"m-1".into())
    );
    assert_eq!(mail["shared_with"], serde_json::json!(["staging"]));
    let identity = &production["resources"][0];
    assert_eq!(identity["id"], "prd-id");
    assert_eq!(identity["shared_with"], serde_json::json!([]));
    let shown = project.towpath("env list", 0).stdout;
    assert!(
        shown.lines().count() == 3 && shown.contains("stg, stage"),
        "{shown}"
    );
}

#[test]
fn an_environment_is_found_by_whatever_people_call_it() {
    let project = catalogued();
    for typed in ["prd", "production", "Production", "PRD"] {
        let shown = json(&project, &format!("env show {typed}"));
        assert_eq!(shown["environment"]["name"], "production", "{typed}");
    }
    let shown = project.towpath("env show stg", 0).stdout;
    for text in ["Outgoing mail", "https://stg.okta.test", "shared with"] {
        assert!(shown.contains(text), "no {text:?}: {shown}");
    }
    let unknown = project.towpath("env show prod", 3);
    unknown.says(&["ask::no-such-environment", "staging, production"]);
}

#[test]
fn resources_are_listed_once_for_each_that_is_declared() {
    let project = catalogued();
    let listed = json(&project, "resource list");
    let resources = listed["resources"].as_array().unwrap().iter();
    let places: Vec<_> = resources
        .map(|used| format!("{} in {}", used["name"], used["declared_in"]).replace('"', ""))
        .collect();
    assert_eq!(
        places,
        [
            "identity in staging",
            "mail in staging",
            "identity in production"
        ]
    );
    let used = json(&project, "resource list --in prd");
    assert_eq!(used["resources"].as_array().unwrap().len(), 2);
    let shown = project.towpath("resource show identity --in prd", 0).stdout;
    assert!(
        shown.contains("prd-id") && !shown.contains("stg-id"),
        "{shown}"
    );
    let unknown = project.towpath("resource show analytics", 3);
    unknown.says(&["catalogue::no-such-resource", "there are identity, mail"]);
}

#[test]
fn what_a_resource_touches_is_told_with_what_is_there() {
    let project = catalogued();
    project.towpath("deploy stg", 4);
    let found = json(&project, "impact mail");
    let [mail] = found["impacts"].as_array().unwrap().as_slice() else {
        panic!("{found}")
    };
    let [staging, production] = mail["touches"].as_array().unwrap().as_slice() else {
        panic!("{mail}")
    };
    assert_eq!(staging["under_way"], "d1");
    assert_eq!(staging["config"], serde_json::json!(["EFFECTS"]));
    assert_eq!(staging["then"], serde_json::json!(["production"]));
    assert_eq!(production["live"], Value::Null);
    assert_eq!(production["roles"], serde_json::json!(["operator"]));
    let shown = project.towpath("impact mail", 0).stdout;
    assert!(shown.contains("d1 of v1"), "{shown}");
    project
        .towpath("impact analytics", 3)
        .says(&["catalogue::no-such-resource"]);
}

#[test]
fn resources_are_edited_in_place() {
    let project = catalogued();
    let path = project.clone().join("towpath.toml");
    let before = fs::read_to_string(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    project.towpath(
        "resource add prd analytics --kind posthog --id 5 --owner platform",
        0,
    );
    project.towpath(
        "resource set prd analytics --link https://eu.posthog.test",
        0,
    );
    let shown = json(&project, "resource show analytics");
    let [analytics] = shown["resources"].as_array().unwrap().as_slice() else {
        panic!("{shown}")
    };
    assert_eq!(analytics["link"], "https://eu.posthog.test");
    project.towpath("resource share prd analytics --with stg", 0);
    let shared = json(&project, "resource list --in stg");
    assert_eq!(shared["resources"].as_array().unwrap().len(), 3);
    let refused = project.towpath("resource remove prd analytics", 3);
    refused.says(&[
        "is shared with staging",
        "resource remove staging analytics",
    ]);
    project.towpath("resource remove stg analytics", 0);
    project.towpath("resource remove prd analytics", 0);
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn an_edit_that_would_break_the_manifest_writes_nothing() {
    let project = catalogued();
    let path = project.clone().join("towpath.toml");
    let before = fs::read_to_string(&path).unwrap();
    for (line, code) in [
        ("resource set stg mail --link nowhere", 6),
        ("resource add stg mail --id 5", 3),
        ("resource set prd mail --id 5", 3),
        ("resource set prd mail", 2),
        ("resource add nowhere mail --id 5", 3),
        ("resource share stg logs --with prd", 6),
    ] {
        project.towpath(line, code);
        assert_eq!(fs::read_to_string(&path).unwrap(), before, "{line}");
    }
    assert_eq!(
        fs::read_dir(project.clone())
            .unwrap()
            .filter(|entry| {
                entry
                    .as_ref()
                    .unwrap()
                    .file_name()
                    .to_string_lossy()
                    .starts_with(".tmp")
            })
            .count(),
        0
    );
}

#[test]
fn the_page_is_made_kept_and_checked() {
    let project = catalogued();
    let printed = project.towpath("docs", 0).stdout;
    for text in [
        "### Production",
        "if it is verified in staging",
        "`sh check.sh` passes",
        "env-staging -->",
    ] {
        assert!(printed.contains(text), "no {text:?}: {printed}");
    }
    assert_eq!(json(&project, "docs")["text"], printed);
    project
        .towpath("docs --check", 1)
        .says(&["is not up to date"]);
    project.towpath("docs --out ENVIRONMENTS.md", 0);
    project.towpath("docs --check", 0);

    // People write around it, and a change of the manifest is found.
    let path = project.clone().join("ENVIRONMENTS.md");
    let page = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("# Ours\n\n{page}\nBelow.\n")).unwrap();
    project.towpath("docs --check", 0);
    project.towpath("resource set prd identity --id prd-2", 0);
    let stale = project.towpath("docs --check", 1).stdout;
    assert!(
        stale.contains("-| identity") && stale.contains("+| identity"),
        "{stale}"
    );
    project.towpath("docs --out ENVIRONMENTS.md", 0);
    let page = fs::read_to_string(&path).unwrap();
    assert!(page.starts_with("# Ours\n\n<!-- towpath:begin"), "{page}");
    assert!(
        page.ends_with("<!-- towpath:end -->\n\nBelow.\n") && page.contains("`prd-2`"),
        "{page}"
    );
    let again = project.towpath("docs --out ENVIRONMENTS.md", 0).stdout;
    assert!(again.contains("is up to date"), "{again}");

    fs::write(&path, "# Ours\n").unwrap();
    let refused = project.towpath("docs --out ENVIRONMENTS.md", 3);
    refused.says(&["docs::no-place", "<!-- towpath:begin -->"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "# Ours\n");
    let listed: Value = project.towpath("docs --format json", 0).json();
    assert_eq!(listed, json(&project, "env list"));
}
