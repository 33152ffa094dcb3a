//! What services, tests and rollbacks get: each its own, and the secrets of now.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use nix::sys::signal::Signal;

use super::rig::{Rig, Variables};
use crate::project::eventually;

/// A project whose first release is live in staging.
fn live() -> Rig {
    let rig = Rig::new();
    rig.set("staging", "TOKEN", "token of the ferry");
    rig.set("staging", "TLS_KEY", "-----BEGIN KEY-----\nline\n");
    rig.set("staging", "WORK_KEY", "for the worker alone");
    rig.deploy("secrets");
    rig
}

fn gone(path: &Path) -> Option<()> {
    (!path.exists()).then_some(())
}

#[test]
fn each_service_and_each_test_gets_its_own_and_nothing_else() {
    let rig = live();
    let (web, worker) = (rig.service("web"), rig.service("worker"));
    let tested = Variables::read(&rig.project.path("test-environment"));
    let expected = [
        // Key, web, worker, test.
        (
            "BY_DEFAULT",
            Some("default"),
            Some("default"),
            Some("default"),
        ),
        ("BY_GROUP", Some("group"), Some("group"), Some("group")),
        (
            "BY_ENVIRONMENT",
            Some("environment"),
            Some("environment"),
            Some("environment"),
        ),
        (
            "BY_SERVICE",
            Some("web"),
            Some("environment"),
            Some("environment"),
        ),
        (
            "TOKEN",
            Some("token of the ferry"),
            None,
            Some("token of the ferry"),
        ),
        (
            "WORK_KEY",
            None,
            Some("for the worker alone"),
            Some("for the worker alone"),
        ),
        ("TOKEN_BEFORE", None, None, None),
        ("SOPS_AGE_KEY_FILE", None, None, None),
    ];
    for (key, of_web, of_worker, of_test) in expected {
        assert_eq!(web.get(key), of_web, "{key} of web");
        assert_eq!(worker.get(key), of_worker, "{key} of worker");
        assert_eq!(tested.get(key), of_test, "{key} of the test");
    }
    assert_eq!(worker.get("TLS_KEY"), None);
    assert_eq!(worker.get("CREDENTIALS_DIRECTORY"), None);
    // Nobody else has gained anything: the value is in no other process of the project.
    let with_token = rig.project.processes().into_iter().filter(|process| {
        let environment = fs::read(format!("/proc/{}/environ", process.pid)).unwrap_or_default();
        String::from_utf8_lossy(&environment).contains("token of the ferry")
    });
    let pids: Vec<i32> = with_token.map(|process| process.pid).collect();
    // The shell that becomes the service keeps its number.
    assert_eq!(pids, [rig.pid("web")]);
}

#[test]
fn a_secret_file_is_there_as_long_as_its_service() {
    let rig = live();
    let web = rig.service("web");
    let directory = Path::new(web.get("CREDENTIALS_DIRECTORY").unwrap());
    let file = Path::new(web.get("TLS_KEY").unwrap());
    assert_eq!(file, directory.join("TLS_KEY"));
    assert_eq!(
        fs::read_to_string(file).unwrap(),
        "-----BEGIN KEY-----\nline"
    );
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(file), mode(directory)), (0o400, 0o700));
    let only: Vec<_> = fs::read_dir(directory).unwrap().collect();
    assert_eq!(only.len(), 1, "{only:?}");
    // Tests have theirs, and it went with them.
    let tested = Variables::read(&rig.project.path("test-environment"));
    let of_test = Path::new(tested.get("CREDENTIALS_DIRECTORY").unwrap());
    assert_ne!(of_test, directory);
    eventually("the test's files are gone", || gone(of_test));
    // The next release stops this one, as nothing is kept warm.
    rig.project.change(
        "towpath.toml",
        "branch     = \"develop\"",
        "branch     = \"develop\"\nkeep_warm = \"0s\"",
    );
    rig.deploy("nothing is kept warm");
    eventually("the service's files are gone", || gone(directory));
    let after = rig.service("web");
    assert!(Path::new(after.get("TLS_KEY").unwrap()).exists());
}

#[test]
fn services_have_both_values_while_a_rotation_is_under_way() {
    let rig = live();
    rig.rotate("staging", "TOKEN", "the new token");
    rig.deploy("a rotation begins");
    let web = rig.service("web");
    assert_eq!(web.get("TOKEN"), Some("the new token"));
    assert_eq!(web.get("TOKEN_BEFORE"), Some("token of the ferry"));
    assert_eq!(rig.service("worker").get("TOKEN_BEFORE"), None);
    rig.call("secret rotate staging TOKEN --finish").ends(0);
    rig.deploy("a rotation ends");
    let web = rig.service("web");
    assert_eq!(web.get("TOKEN"), Some("the new token"));
    assert_eq!(web.get("TOKEN_BEFORE"), None);
}

#[test]
fn a_value_that_is_missing_is_told_before_anything_is_started() {
    let rig = live();
    let before = rig.pid("web");
    rig.call("secret rm staging TOKEN").ends(0);
    // The data directory's own copy is older, and does not come back.
    rig.project.commit("no token");
    let starts = rig.project.effects().of("start").len();
    let said = rig.call("deploy staging").ends(1);
    let told = said.says(&[
        "TOKEN has no value",
        "towpath secret set staging TOKEN",
        "migrate-main",
    ]);
    assert!(
        !told.stdout.contains("worker has no value"),
        "{}",
        told.told()
    );
    assert_eq!(rig.project.effects().of("start").len(), starts);
    assert_eq!(rig.pid("web"), before);
    assert_eq!(rig.service("web").get("TOKEN"), Some("token of the ferry"));
}

#[test]
fn a_secret_file_that_is_not_whole_is_used_in_no_part() {
    let rig = live();
    let before = rig.pid("web");
    rig.set("staging", "TOKEN", "the second token");
    let good = fs::read_to_string(rig.file("staging")).unwrap();
    let truncated = &good[..good.len() / 2];
    let no_end = good.split_once("mac:").unwrap().0;
    // One value in place of another, each of them good.
    let lines: Vec<&str> = good.lines().collect();
    let of = |key: &str| {
        let start = format!("{key}: ENC");
        lines
            .iter()
            .find(|line| line.trim_start().starts_with(&start))
            .unwrap()
            .to_string()
    };
    let value = |line: &str| line.split_once(": ").unwrap().1.to_owned();
    let swapped = good.replace(&value(&of("TOKEN")), &value(&of("WORK_KEY")));
    let letter = good.replacen("data:", "data:A", 1);
    for (how, bad) in [
        ("truncated", truncated),
        ("no end", no_end),
        ("swapped", &swapped),
        ("letter", &letter),
        ("empty", ""),
    ] {
        assert_ne!(bad, good);
        fs::write(rig.file("staging"), bad).unwrap();
        rig.project.commit(how);
        let said = rig.call("deploy staging").run();
        assert_eq!(said.status.code(), Some(5), "{how}: {}", said.told());
        let said = said.says(&["secrets/staging.yaml", "migrate-main"]);
        assert!(!said.told().contains("second token"));
        assert_eq!(rig.pid("web"), before, "{how}");
        // Neither does anything else use it.
        let said = rig.call("run staging -- true").run();
        assert_ne!(said.status.code(), Some(0), "{how}: {}", said.told());
    }
    fs::write(rig.file("staging"), good).unwrap();
    rig.deploy("whole again");
    assert_eq!(rig.service("web").get("TOKEN"), Some("the second token"));
}

#[test]
fn signatures_are_for_the_secrets_that_were_there() {
    // Without a smoke test: how long its answer took is part of what is signed.
    let signed = |manifest: String| {
        let lines = manifest.lines().filter(|line| !line.starts_with("smoke"));
        let rest: Vec<&str> = lines.collect();
        rest.join("\n").replace(
            "test       = [\"sh check.sh\"]",
            "sign_off   = [{ name = \"qa\", role = \"qa\" }]",
        )
    };
    let evidence = |rig: &Rig| {
        let active = rig.project_environment("staging").active.unwrap();
        active.evidence.unwrap().to_string()
    };
    let rig = Rig::with(signed);
    rig.set("staging", "TOKEN", "the first token");
    rig.project.commit("signed");
    rig.call("deploy staging").ends(4);
    let first = evidence(&rig);
    rig.call("cancel staging -m again").ends(0);
    rig.call("deploy staging").ends(4);
    assert_eq!(evidence(&rig), first, "nothing has changed");
    rig.call("cancel staging -m 'a new token'").ends(0);
    rig.rotate("staging", "TOKEN", "the second token");
    rig.call("secret rotate staging TOKEN --finish").ends(0);
    rig.project.commit("the second token");
    rig.call("deploy staging v1").ends(4);
    let second = evidence(&rig);
    assert_ne!(second, first, "the same release, with another secret");
    rig.call(&format!("sign-off staging --evidence {first}"))
        .by("quinn")
        .ends(3)
        .says(&["path::evidence-changed"]);
    rig.call(&format!("sign-off staging --evidence {second}"))
        .by("quinn")
        .ends(0);
    // The same in another data directory is another digest: nobody can try values against it.
    let kept = |data: &Path| {
        let files = fs::read_dir(data.join("configurations")).unwrap();
        let mut texts: Vec<String> = files
            .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
            .collect();
        texts.sort();
        texts
    };
    let other = rig.project.path("other-data");
    rig.call("deploy staging")
        .with("TOWPATH_DATA", &other)
        .ends(4);
    let (ours, theirs) = (kept(&rig.project.data()), kept(&other));
    let digest = |text: &String| {
        let kept: serde_json::Value = serde_json::from_str(text).unwrap();
        let secrets = &kept["pinned"]["services"]["web"]["secrets"];
        secrets["TOKEN"].as_str().unwrap().to_owned()
    };
    assert!(!theirs.is_empty());
    for text in &theirs {
        assert!(
            !ours.iter().any(|ours| digest(ours) == digest(text)),
            "{text}"
        );
        assert!(!text.contains("second token"));
    }
    rig.call("cancel staging -m 'that is all'")
        .with("TOWPATH_DATA", &other)
        .ends(0);
}

/// A release is live; nothing before it is kept warm.
fn first() -> Rig {
    let rig =
        Rig::with(|manifest| manifest.replace("smoke      =", "keep_warm  = \"0s\"\nsmoke      ="));
    rig.set("staging", "TOKEN", "old");
    rig.set("staging", "TLS_KEY", "old file");
    rig.deploy("1");
    rig.rotate("staging", "TOKEN", "renewed");
    rig.set("staging", "TLS_KEY", "renewed file");
    rig
}

/// The second release is live, with other plain configuration.
fn second(rig: &Rig) {
    rig.project.change(
        "towpath.toml",
        "BY_ENVIRONMENT = \"environment\"",
        "BY_ENVIRONMENT = \"changed\"",
    );
    rig.deploy("2");
    let web = rig.service("web");
    let found = (web.get("TOKEN"), web.get("BY_ENVIRONMENT"));
    assert_eq!(found, (Some("renewed"), Some("changed")));
}

fn is_first_with_new_secrets(rig: &Rig) {
    let live = rig.project_environment("staging").live.unwrap();
    assert_eq!(live.release.0, 1);
    let web = rig.service("web");
    assert_eq!(web.get("BY_ENVIRONMENT"), Some("environment"));
    assert_eq!(web.get("TOKEN"), Some("renewed"));
    assert_eq!(web.get("TOKEN_BEFORE"), None);
    let file = fs::read_to_string(web.get("TLS_KEY").unwrap()).unwrap();
    assert_eq!(file, "renewed file");
}

#[test]
fn a_release_that_is_returned_to_has_its_configuration_and_the_secrets_of_now() {
    let rig = first();
    second(&rig);
    rig.call("secret rotate staging TOKEN --finish").ends(0);
    rig.project.commit("the old token is revoked");
    rig.call("rollback staging").ends(0);
    is_first_with_new_secrets(&rig);
}

#[test]
fn also_when_what_was_kept_warm_has_those_of_before() {
    let rig = first();
    rig.project
        .change("towpath.toml", "keep_warm  = \"0s\"", "keep_warm = \"10m\"");
    rig.call("secret rotate staging TOKEN --finish").ends(0);
    second(&rig);
    rig.call("rollback staging").ends(0);
    is_first_with_new_secrets(&rig);
}

#[test]
fn also_when_git_is_not_there() {
    let rig = first();
    rig.call("secret rotate staging TOKEN --finish").ends(0);
    second(&rig);
    fs::rename(rig.project.upstream(), rig.project.path("moved.git")).unwrap();
    rig.call("rollback staging").ends(0);
    is_first_with_new_secrets(&rig);
}

#[test]
fn what_is_started_again_has_the_secrets_of_now() {
    let rig = live();
    let before = rig.pid("web");
    rig.set("staging", "TOKEN", "set since");
    rig.project.commit("a new token");
    // A machine that goes down, and comes up again.
    rig.project.end_all();
    let mut server = rig.call("server --listen 127.0.0.1:0").start();
    let again = eventually("it is live again", || {
        let status = rig.call("status --json").run();
        let status: towpath::engine::StatusView = serde_json::from_str(&status.stdout).ok()?;
        let live = status
            .environments
            .into_iter()
            .find(|one| one.name.as_str() == "staging")?
            .live?;
        let (_, url) = live
            .addresses
            .into_iter()
            .find(|(name, _)| name.as_str() == "web")?;
        let (_, pid) = crate::project::get(url.strip_prefix("http://")?, "/pid").ok()?;
        pid.parse::<i32>().ok()
    });
    assert_ne!(again, before);
    assert_eq!(Variables::of(again).get("TOKEN"), Some("set since"));
    server.signal(Signal::SIGTERM);
    server.child.wait().unwrap();
}
