//! What the binary tells about environments and what they use.

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
