//! Secrets that one environment has and the other has not count in parity: for who asks, and at the gate.

use super::rig::Rig;

/// Staging must mirror production in everything but what is named.
fn mirroring() -> Rig {
    let accepted = ["smoke", "test", "on_failure", "config.BY_*"].map(|difference| {
        format!(
            "{{ difference = \"{difference}\", reason = \"no visitors\", owner = \"operator\", until = \"9999-12-31\" }}"
        )
    });
    Rig::with(|manifest| {
        manifest
            .replace(
                "[environments.staging]\n",
                &format!(
                    "[environments.staging]\nmirrors = \"production\"\naccept = [{}]\n",
                    accepted.join(", ")
                ),
            )
            .replace(
                "[environments.production]\n",
                "[environments.production]\nparity = { min = 100 }\n",
            )
            .replace("[\"operator\"]", "[\"operator\", \"developer\"]")
    })
}

#[test]
fn secrets_that_are_only_in_one_environment_keep_a_release_back() {
    let rig = mirroring();
    for environment in ["staging", "production"] {
        rig.set(environment, "TOKEN", "of one's own");
    }
    rig.set("staging", "PIN", "5");
    let told = rig.call("parity --min 100").ends(1).stdout;
    let row = told.lines().find(|line| line.starts_with("config.PIN"));
    let cells: Vec<&str> = row.unwrap().split_whitespace().collect();
    assert_eq!(cells, ["config.PIN", "set", "-", "no"], "{told}");
    assert!(!told.contains("config.TOKEN"), "{told}");
    rig.deploy("1: production has no PIN");
    rig.call("promote staging")
        .ends(3)
        .says(&["and 100% is needed: config.PIN"]);
    // In the work tree it is there; what counts is the release's own commit.
    rig.set("production", "PIN", "7");
    rig.call("parity --min 100").ends(0);
    rig.call("deploy production v1")
        .ends(3)
        .says(&["config.PIN"]);
    rig.deploy("2: production has one");
    rig.call("promote staging").ends(0);
}

#[test]
fn secrets_in_a_damaged_file_are_not_compared() {
    let rig = mirroring();
    rig.set("staging", "TOKEN", "of one's own");
    std::fs::write(rig.file("production"), "ferry: [").unwrap();
    let told = rig.call("parity").ends(0).stdout;
    let line = told
        .lines()
        .find(|line| line.contains("cannot be looked at"));
    for key in ["config.TOKEN", "config.PIN", "config.TLS_KEY"] {
        assert!(line.unwrap().contains(key), "{told}");
    }
    assert!(!told.contains("\nconfig."), "{told}");
    let shown: serde_json::Value = rig.call("parity --json").ends(0).json();
    assert_eq!(shown["parity"][0]["hidden"].as_array().unwrap().len(), 4);
}
