//! What `docs` writes for others is what they take: Backstage's own schemas, and mermaid's own parser.

use std::{
    env,
    io::Write,
    process::{Command, Output, Stdio},
};

use crate::{place, project::Project};

/// A manifest with odd names and words.
const ODD: &str = r#"
[project]
name = "guestbook"
description = "it's a \"book\": # & é\n---\n"
[groups.production]
[databases.main]
[databases.Main-2]
url = "OTHER_URL"
[services.web]
start = "./web"
[roles.on-call]
members = ["o@acme.test"]
[environments.local]
branch = "feature/*"
[environments.main]
branch = "checkout"
url = "https://main.test/?a=1&b='\"x\""
[environments.merge]
branch = "merge \"x"
after = ["main"]
[environments.production]
group = "production"
branch = "main"
used_by = ["on-call"]
[environments.production.resources]
"a.b-" = { title = "- yes", id = "null", kind = "{}", owner = "Someone Else <x@y.test>", link = "https://a.test" }
AWS = { description = "multi\nline: #no", owner = "platform" }
aws = { shared = false }
x.from = "main"
[environments.main.resources]
x = { kind = "*anchor", id = "!!tag" }
"#;

fn odd() -> String {
    // Names of databases are lower-case, and so is a branch without a quote in it.
    ODD.replace("Main-2", "main-2")
        .replace("merge \\\"x", "merge-x")
}

/// What a package says of a text, or nothing where it cannot be had and may be missing.
fn judged(format: &str, text: &str) -> Option<Output> {
    let directory = place::NODE
        .directory()
        .filter(|directory| place::NODE.is_in(directory));
    let (Some(directory), Some(node)) = (directory, place::program("node")) else {
        assert!(
            env::var_os("CI").is_none(),
            "the stand-ins (node) are missing: `cargo xtask test tests` installs them"
        );
        eprintln!("skipped: `cargo xtask test tests` installs the packages that judge {format}");
        return None;
    };
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../probe/tests/stand-ins/node/validate.mjs"
    );
    let mut child = Command::new(node)
        .args([script.as_ref(), directory.as_os_str(), format.as_ref()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    Some(child.wait_with_output().unwrap())
}

fn made(project: &Project, format: &str) -> String {
    project
        .towpath(&format!("docs --format {format}"), 0)
        .stdout
}

#[test]
fn backstage_takes_the_entities() {
    let project = Project::new();
    for manifest in [None, Some(odd())] {
        if let Some(text) = &manifest {
            project.write("towpath.toml", text);
        }
        let made = made(&project, "backstage");
        let Some(output) = judged("backstage", &made) else {
            return;
        };
        let names = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{}\n{made}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(
            names.contains("system:default/") && names.contains("component:default/"),
            "{names}"
        );
    }
    let broken = judged(
        "backstage",
        "apiVersion: backstage.io/v1alpha1\nkind: Resource\nmetadata: {name: a b}\nspec: {}\n",
    );
    assert!(!broken.unwrap().status.success(), "the judge judges");
}

#[test]
fn mermaid_takes_the_graph() {
    let project = Project::new();
    for manifest in [
        None,
        Some(odd()),
        Some("[project]\nname = \"p\"\n".to_owned()),
    ] {
        if let Some(text) = &manifest {
            project.write("towpath.toml", text);
        }
        let made = made(&project, "gitgraph");
        let Some(output) = judged("gitgraph", &made) else {
            return;
        };
        assert!(
            output.status.success(),
            "{}\n{made}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let broken = judged("gitgraph", "gitGraph\n  comit\n");
    assert!(!broken.unwrap().status.success(), "the judge judges");
}
