//! Commands that are about secrets and configuration.

use std::fs;

use super::{super::rig::Rig, Canary, LEAK, Onlooker, call, each_way, nowhere};

#[test]
fn commands_that_are_about_secrets_tell_none() {
    let canary = Canary::new();
    let rig =
        Rig::with(|manifest| manifest.replace("[\"operator\"]", "[\"operator\", \"developer\"]"));
    let onlooker = Onlooker::new();
    for (environment, key) in [
        ("staging", "TOKEN"),
        ("staging", "TLS_KEY"),
        ("production", "TOKEN"),
        ("local", "TOKEN"),
    ] {
        let line = format!("secret set {environment} {key}");
        call(&rig, &line).fed(canary.text()).ends(0);
    }
    let staging = rig.file("staging");
    let fed = [
        "secret set staging TOKEN",
        "secret set staging TOKEN --json",
        "secret set staging PIN",
        "secret set staging PIN --json",
        "secret set staging BY_GROUP",
        "secret set staging 'no name'",
        "secret set staging UNDECLARED",
        "secret set nowhere TOKEN",
        "secret rotate staging TOKEN",
        "secret rotate staging PIN",
        "secret rotate staging nothing",
    ];
    for line in fed {
        call(&rig, line).fed(canary.text()).run();
    }
    // Back and forth: the value is now the new one, now the old one.
    call(&rig, "secret set staging WORK_KEY")
        .fed("something else")
        .ends(0);
    for end in ["--abort", "--finish"] {
        call(&rig, "secret rotate staging WORK_KEY")
            .fed(canary.text())
            .ends(0);
        call(&rig, "secret list staging").ends(0);
        call(
            &rig,
            &format!("secret rotate staging WORK_KEY {end} --json"),
        )
        .ends(0);
    }
    call(&rig, "secret rotate staging TOKEN --json")
        .fed("another value")
        .ends(0);
    call(&rig, "run staging -- env").ends(0);
    call(&rig, "secret rotate staging TOKEN --abort").ends(0);
    let asking = [
        "secret get staging TOKEN",
        "secret get staging nothing",
        "secret list staging",
        "secret list nowhere",
        "secret reuse",
        "secret doctor",
        "secret rekey",
        "secret rekey staging --new-key",
        "check",
        "status",
        "env show staging",
        "docs",
        "plan staging",
        "journal show",
        "journal verify",
        "config show staging",
        "config show staging --service web",
        "config show staging --why TOKEN",
        "config show staging --why TOKEN_URL --service web",
        "config show nowhere --why TOKEN",
        "config list",
        "config diff staging production",
        "config diff staging local --service web --all",
        "config audit --all",
        "config export staging",
        "config export staging --service web --format json",
        "config unset staging TOKEN",
        "secret scan",
        "secret scan --history",
        "secret scan --staged",
    ];
    each_way(&rig, &asking);
    let script = format!("{LEAK}exit 7");
    for service in ["", "--service web"] {
        let leak = call(&rig, &format!("run staging {service} --"));
        leak.words(["sh", "-c", &script]).ends(7);
    }
    call(&rig, "run staging -- /no/such/program").ends(127);
    call(&rig, "run local --")
        .words(["sh", "-c", "echo $TOKEN; kill -SEGV $$"])
        .run();
    // Somebody has written it down where it does not belong.
    let good = fs::read_to_string(&staging).unwrap();
    let line = good
        .lines()
        .find(|line| line.trim_start().starts_with("TOKEN: ENC"))
        .unwrap();
    let indent = &line[..line.len() - line.trim_start().len()];
    for bad in [
        "TOKEN: CANARY",
        "TOKEN: \"CANARY",
        "TOKEN: [CANARY",
        "TOKEN: ENC[CANARY]",
        "? CANARY : {",
        "CANARY",
        "CANARY: *CANARY",
    ] {
        let told = format!("{indent}{}", bad.replace("CANARY", canary.text()));
        fs::write(&staging, good.replace(line, &told)).unwrap();
        each_way(
            &rig,
            &[
                "secret list staging",
                "secret doctor staging",
                "secret get staging TOKEN",
                "secret rekey staging --new-key",
                "secret reuse",
                "run staging -- true",
            ],
        );
        call(&rig, "secret set staging PIN").fed("5").run();
    }
    fs::write(&staging, &good).unwrap();
    for bad in [
        "TOKEN='CANARY",
        "CANARY",
        "TOKEN=${CANARY",
        "TOKEN=\"CANARY\" x",
        "export 'CANARY'",
    ] {
        rig.project
            .write(".env.local", bad.replace("CANARY", canary.text()));
        each_way(&rig, &["run local -- true", "secret doctor local"]);
    }
    fs::remove_file(rig.project.clone().join(".env.local")).unwrap();
    for line in [
        "run staging -- true",
        "secret doctor",
        "secret rekey staging --new-key",
    ] {
        call(&rig, line).with("SOPS_AGE_KEY", canary.text()).run();
        call(&rig, line)
            .with("SOPS_AGE_KEY", format!("AGE-SECRET-KEY-1{}", canary.text()))
            .run();
    }
    // What was looked for was said, and not only refused.
    let heard = String::from_utf8(rig.heard()).unwrap();
    for text in [
        "PIN must be a whole number",
        "[redacted TOKEN]",
        "shared with production",
        "is not encrypted",
        "it is not YAML",
        "holds no secret key of age",
        "opens for 1 key now",
    ] {
        assert!(heard.contains(text), "nobody said {text:?}");
    }
    canary.is_not_in("what was printed", heard.as_bytes());
    canary.is_not_in("a command line", &onlooker.saw());
    nowhere(&canary, &rig);
}

#[test]
fn commands_that_cannot_print_tell_none() {
    let canary = Canary::new();
    let rig = Rig::new();
    call(&rig, "secret set staging TOKEN")
        .fed(canary.text())
        .ends(0);
    let full = "> /dev/full";
    let (nobody, nothing) = (">&-", ">&- 2>&-");
    for line in [
        "secret get staging TOKEN --reveal",
        "secret export staging --reveal",
        "secret export staging --reveal --output /dev/full",
        "config show staging --service web --reveal",
        "config export staging --service web --reveal --format json",
        "--json secret get staging TOKEN --reveal",
        "run staging --service web -- printenv TOKEN",
        "run staging --service web -- sh -c 'printenv TOKEN >&2'",
    ] {
        for end in [full, nobody, nothing, "2> /dev/full", "| head -c 0"] {
            let script = format!("\"$0\" {line} {end}");
            let shell = rig.program("sh", ["-c", &script, env!("CARGO_BIN_EXE_towpath")]);
            let shell = shell.with("RUST_BACKTRACE", "full");
            // What it was told to reveal to somebody who does hear it is no leak.
            let is_told = end == "2> /dev/full";
            match is_told {
                true => shell.unheard().run(),
                false => shell.run(),
            };
        }
    }
    canary.is_not_in("what was printed", &rig.heard());
    let heard = String::from_utf8(rig.heard()).unwrap();
    assert!(heard.contains("No space left on device"), "{heard}");
    nowhere(&canary, &rig);
}
