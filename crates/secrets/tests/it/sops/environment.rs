//! The file of an environment, with its ledger, in the hands of another tool.

use towpath_secrets::file::{Opened, Place, Shut};

use super::*;

#[test]
fn another_tool_reads_an_environments_file_and_what_it_changes_is_named() {
    let Some(rops) = Rops::installed() else {
        return;
    };
    let person = person();
    let place = Place {
        project: "guestbook".into(),
        environment: "staging".into(),
    };
    for name in ["staging.yaml", "staging.json"] {
        let path = rops.directory.path().join(name);
        let format = Format::of_path(&path);
        let mut opened =
            Opened::new(&path, &place, std::slice::from_ref(&person.recipient), None).unwrap();
        for (key, value) in [("ONE", "first"), ("TWO", "second"), ("THREE", "third\n")] {
            opened.set(key, &value.into(), now()).unwrap();
        }
        opened
            .begin_rotation("TWO", &"newer".into(), now())
            .unwrap();
        opened.save(now()).unwrap();

        let sealed = fs::read_to_string(&path).unwrap();
        let plain = rops.decrypt(&sealed, format, &person);
        if format == Format::Json {
            let plain: serde_json::Value = serde_json::from_str(&plain).unwrap();
            let expected = serde_json::json!({"staging": {"ONE": "first", "TWO": "newer", "THREE": "third\n"}});
            assert_eq!(plain["guestbook"], expected);
            let previous = &plain["_towpath"]["previous"]["guestbook"]["staging"];
            assert_eq!(*previous, serde_json::json!({"TWO": "second"}));
        } else {
            let tree = "guestbook:\n  staging:\n    ONE: first\n    TWO: newer\n    THREE: |\n      third\n";
            assert!(plain.contains(tree), "{plain}");
        }

        rops.edit(&path, "s/first/changed/", &person);
        let shut = Shut::read(&path, &place).unwrap().unwrap();
        let mut opened = shut.open(&person.identities).unwrap();
        assert_eq!(opened.get("ONE").unwrap().expose_secret(), "changed");
        assert_eq!(opened.get("THREE").unwrap().expose_secret(), "third\n");
        assert_eq!(opened.changed_elsewhere(), ["ONE"], "{name}");
        assert_eq!(opened.previous("TWO").unwrap().expose_secret(), "second");

        // What was changed elsewhere is taken up with the next change.
        opened.set("FOUR", &"4".into(), now()).unwrap();
        opened.save(now()).unwrap();
        let shut = Shut::read(&path, &place).unwrap().unwrap();
        let opened = shut.open(&person.identities).unwrap();
        assert!(opened.changed_elsewhere().is_empty());
        let sealed = fs::read_to_string(&path).unwrap();
        assert!(rops.decrypt(&sealed, format, &person).contains("FOUR"));
    }
}
