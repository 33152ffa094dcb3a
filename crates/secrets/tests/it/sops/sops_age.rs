//! What is written here is read by `sops-age`, which reads dotenv files too.

use serde_json::json;

use super::*;

#[track_caller]
fn decrypted(sealed: &str, format: Format, person: &Person) -> Option<serde_json::Value> {
    let directory = installed(&place::NODE)?;
    let name = match format {
        Format::Yaml => "yaml",
        Format::Json => "json",
        Format::Dotenv => "env",
    };
    let mut command = Command::new(place::program("node").unwrap());
    command
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/it/sops/decrypt.cjs"
        ))
        .arg(directory)
        .args([name, person.secret.expose_secret()]);
    Some(serde_json::from_str(&told(&mut command, sealed)).unwrap())
}

#[test]
fn a_dotenv_file_is_read_by_it() {
    let person = person();
    let mut document =
        Document::new(Format::Dotenv, std::slice::from_ref(&person.recipient)).unwrap();
    for (key, value) in [
        ("TEXT", "hunter2"),
        ("EMPTY", ""),
        ("LINES", "a\n b\n"),
        ("QUOTES", "it's \"q\" \\n $X `x` # no"),
        ("UNICODE", "é ☃ 😀"),
        ("NOTE_unencrypted", "shown"),
    ] {
        document.set(&[key], text(value)).unwrap();
    }
    let sealed = seal(&mut document);
    let again = open(sealed.as_bytes(), Format::Dotenv, &person.identities);
    assert_eq!(said(&again, &["LINES"]).as_deref(), Some("a\n b\n"));
    let Some(found) = decrypted(&sealed, Format::Dotenv, &person) else {
        return;
    };
    let expected = json!({
        "TEXT": "hunter2", "EMPTY": "", "LINES": "a\n b\n", "QUOTES": "it's \"q\" \\n $X `x` # no",
        "UNICODE": "é ☃ 😀", "NOTE_unencrypted": "shown",
    });
    assert_eq!(found, expected);
}

#[test]
fn a_tree_is_read_by_it() {
    let person = person();
    for format in [Format::Yaml, Format::Json] {
        let mut document = Document::new(format, std::slice::from_ref(&person.recipient)).unwrap();
        for (path, value) in [
            (["a", "TEXT"], text("it's \"q\"\n é")),
            (["a", "EMPTY"], text("")),
            (["a", "NUMBER"], Value::Integer(-3)),
            (["a", "HALF"], Value::Float(0.5)),
            (["a", "NO"], Value::Boolean(false)),
            (["a", "NOTHING"], Value::Null),
            (["b_unencrypted", "NOTE"], text("- # shown:")),
        ] {
            document.set(&path, value).unwrap();
        }
        let Some(found) = decrypted(&seal(&mut document), format, &person) else {
            return;
        };
        let expected = json!({
            "a": {
                "TEXT": "it's \"q\"\n é", "EMPTY": "", "NUMBER": -3, "HALF": 0.5, "NO": false, "NOTHING": null,
            },
            "b_unencrypted": {"NOTE": "- # shown:"},
        });
        assert_eq!(found, expected);
    }
}
