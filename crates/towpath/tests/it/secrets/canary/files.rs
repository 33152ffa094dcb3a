//! Values that come from files and editors, go to files, and are found where they do not belong.

use std::{collections::BTreeSet, fs, path::Path};

use super::{super::rig::Rig, Canary, Onlooker, call, each_way, nowhere};

/// What an editor does: it puts a text from elsewhere in the place of what it shows.
const EDITOR: &str = "cat \"$FROM\" > \"$1\"\n";

#[test]
fn commands_that_move_values_tell_none() {
    let canary = Canary::new();
    let rig =
        Rig::with(|manifest| manifest.replace("[\"operator\"]", "[\"operator\", \"developer\"]"));
    let outside = tempfile::tempdir().unwrap();
    let onlooker = Onlooker::new();
    call(&rig, "secret set staging TOKEN")
        .fed("something else")
        .ends(0);
    let quoted = serde_json::to_string(canary.text()).unwrap();
    let good = [
        ("dotenv", format!("TOKEN='{}'\n", canary.text())),
        ("json", format!("{{\"TOKEN\": {quoted}}}")),
        ("yaml", format!("within:\n  TOKEN: {quoted}\n")),
    ];
    for (format, text) in &good {
        for end in ["--dry-run", "--dry-run --json", "", "--overwrite --json"] {
            let line = format!("secret import staging - --format {format} {end}");
            call(&rig, &line).fed(text).run();
        }
        call(&rig, "config import - staging --dry-run")
            .fed(text)
            .run();
    }
    let said = call(&rig, "secret get staging TOKEN --reveal")
        .unheard()
        .ends(0);
    assert_eq!(said.stdout, canary.text());
    let bad = [
        "TOKEN='CANARY",
        "TOKEN=CANARY\nCANARY\n",
        "CANARY=TOKEN\n",
        "{\"TOKEN\": [QUOTED]}",
        "{\"TOKEN\": QUOTED",
        "{QUOTED: 5}",
        "QUOTED",
        "TOKEN: QUOTED\n  CANARY: 5\n",
        "TOKEN: &anchor [QUOTED]\n",
        "PIN: QUOTED\n",
        "BY_GROUP=CANARY\nUNDECLARED=CANARY\n",
        "TOKEN: ENC[AES256_GCM,data:CANARY]\nsops:\n  mac: QUOTED\n",
    ];
    for bad in bad {
        let text = bad
            .replace("CANARY", canary.text())
            .replace("QUOTED", &quoted);
        for format in ["auto", "dotenv", "json", "yaml", "sops"] {
            let line = format!("secret import local - --format {format}");
            call(&rig, &line).fed(&text).run();
        }
        for line in [
            "config import - staging --dry-run",
            "config import - staging --json",
            "secret rekey staging",
        ] {
            call(&rig, line).fed(&text).run();
        }
        // The same out of an editor, three times as it is.
        let from = outside.path().join("from");
        fs::write(&from, &text).unwrap();
        fs::write(outside.path().join("editor.sh"), EDITOR).unwrap();
        let editor = format!("sh {}", outside.path().join("editor.sh").display());
        for line in ["secret edit local", "secret edit local --json"] {
            call(&rig, line)
                .with("EDITOR", &editor)
                .with("FROM", &from)
                .run();
        }
    }
    let clear = outside.path().join("clear");
    for line in [
        "secret export staging --format sops-dotenv",
        "secret export staging --format sops-yaml",
        "secret export staging --format sops-json",
        "secret export staging",
        "config export staging --format json",
        "config export staging --service web",
    ] {
        call(&rig, line).run();
        call(&rig, &format!("{line} --json")).run();
    }
    let reveal = format!(
        "secret export staging --reveal --output {}",
        clear.display()
    );
    call(&rig, &reveal).ends(0);
    assert!(canary.is_in(&fs::read(&clear).unwrap()));
    // Twice, onto what is there.
    call(&rig, &reveal).run();
    each_way(
        &rig,
        &["journal show", "secret list staging", "secret doctor"],
    );
    let heard = String::from_utf8(rig.heard()).unwrap();
    for text in ["TOKEN", "PIN must be a whole number", "UNDECLARED"] {
        assert!(heard.contains(text), "nobody said {text:?}");
    }
    canary.is_not_in("what was printed", heard.as_bytes());
    canary.is_not_in("a command line", &onlooker.saw());
    let mut secrets = BTreeSet::new();
    canary.is_below(&rig.project.clone().join("secrets"), &mut secrets);
    assert!(secrets.is_empty(), "{secrets:?}");
    nowhere(&canary, &rig);
}

#[test]
fn a_search_does_not_tell_what_it_finds() {
    let canary = Canary::new();
    let rig =
        Rig::with(|manifest| manifest.replace("[\"operator\"]", "[\"operator\", \"developer\"]"));
    call(&rig, "secret set staging TOKEN")
        .fed(canary.text())
        .ends(0);
    let manifest = rig.project.clone().join("towpath.toml");
    let before = fs::read_to_string(&manifest).unwrap();
    let pair = format!("TOKEN={}", canary.text());
    let long = format!("--{}", canary.text());
    let block = format!("-----BEGIN KEY-----\n{}\n", canary.text());
    // Whoever writes it on a command line is not told it once more.
    for words in [
        ["config", "set", "staging", "TOKEN", canary.text()],
        ["config", "set", "staging", "NOTHING", canary.text()],
        ["config", "set", "staging", canary.text(), "5"],
        ["secret", "set", "staging", "TOKEN", canary.text()],
        ["secret", "rotate", "staging", "TOKEN", canary.text()],
        ["secret", "set", "staging", "TOKEN", &long],
        ["secret", "rotate", "staging", "TOKEN", &block],
        ["secret", "--json", "set", "staging", &pair],
    ] {
        let said = call(&rig, "").words(words).run();
        assert_ne!(said.status.code(), Some(0));
        // It would have been taken from there.
        assert!(!said.stdout.contains("is set"), "{}", said.told());
        let is_key = words[3] == canary.text();
        // A name is no secret, and is told where it is none.
        if !is_key {
            canary.is_not_in(words[1], said.stderr.as_bytes());
            canary.is_not_in(words[1], said.stdout.as_bytes());
        }
    }
    assert_eq!(fs::read_to_string(&manifest).unwrap(), before);
    let leaks = [
        ("leak.txt", canary.text().to_owned()),
        ("leak.json", serde_json::to_string(canary.text()).unwrap()),
        ("src/leak.rs", format!("let token = {:?};\n", canary.text())),
    ];
    for (path, text) in &leaks {
        rig.project.write(path, text);
    }
    let said = call(&rig, "secret scan").ends(1);
    assert!(said.stdout.contains("leak.txt"), "{}", said.told());
    canary.is_not_in("what the search printed", said.told().as_bytes());
    rig.project.commit("somebody did not look");
    for line in ["secret scan", "secret scan --history"] {
        for line in [line.to_owned(), format!("{line} --json")] {
            let said = call(&rig, &line).ends(1);
            assert!(said.stdout.contains("leak.json"), "{}", said.told());
            canary.is_not_in(&line, said.told().as_bytes());
        }
    }
    // In the manifest, where every command would show the place.
    let told = before.replace(
        "BY_ENVIRONMENT = \"environment\"",
        &format!("TOKEN = {}", serde_json::to_string(canary.text()).unwrap()),
    );
    assert_ne!(told, before);
    fs::write(&manifest, told).unwrap();
    for line in [
        "check",
        "check --json",
        "config show staging",
        "config list",
        "run staging -- env",
        "config set staging BY_GROUP 5",
        "docs",
    ] {
        let said = call(&rig, line).run();
        canary.is_not_in(line, said.told().as_bytes());
    }
    let held = Path::new("/dev/shm");
    let mut found = BTreeSet::new();
    canary.is_below(held, &mut found);
    assert!(found.is_empty(), "{found:?}");
}
