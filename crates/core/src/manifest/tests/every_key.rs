//! The parser, the schema and the test manifest agree on which keys there are.

use serde_json::Value;

use super::{EVERY_KEY, read, said};
use crate::manifest::{code, schema};

#[test]
fn every_key_is_read() {
    let parsed = read(EVERY_KEY).unwrap();
    assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
    insta::assert_json_snapshot!(parsed.manifest);
}

#[test]
fn what_is_read_comes_back_from_json() {
    let manifest = read(EVERY_KEY).unwrap().manifest;
    let text = serde_json::to_string(&manifest).unwrap();
    assert_eq!(
        serde_json::from_str::<super::super::Manifest>(&text).unwrap(),
        manifest
    );
}

/// Every key of the schema is written in the manifest above, which the parser accepts; and it has no others,
/// since an unknown key is refused.
#[test]
fn every_key_of_the_schema_is_written_and_accepted() {
    let schema = schema();
    // JSON has no dates; there, the schema's texts are all that can be written.
    let text = EVERY_KEY
        .replace("2027-01-03T08:00:00", "\"2027-01-03T08:00\"")
        .replace("2027-03-31", "\"2027-03-31\"");
    let document: toml::Table = text.parse().unwrap();
    let document = serde_json::to_value(document).unwrap();
    let mut written = std::collections::BTreeSet::new();
    walk(&schema, &schema, "manifest", &document, &mut written);
    for (name, table) in tables(&schema) {
        for key in table["properties"].as_object().unwrap().keys() {
            let key = format!("{name}.{key}");
            assert!(
                written.contains(&key),
                "{key} is in the schema, but nowhere written"
            );
        }
    }
}

fn tables(schema: &Value) -> Vec<(&str, &Value)> {
    let definitions = schema["$defs"].as_object().unwrap();
    std::iter::once(("manifest", schema))
        .chain(
            definitions
                .iter()
                .map(|(name, table)| (name.as_str(), table)),
        )
        .collect()
}

/// Checks a document against the parts of JSON Schema that ours uses for tables, noting every key.
fn walk(
    root: &Value,
    schema: &Value,
    name: &str,
    value: &Value,
    written: &mut std::collections::BTreeSet<String>,
) {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        return walk(root, &root["$defs"][name], name, value, written);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let choice = choices
            .iter()
            .find(|choice| choice["$ref"].is_string() == value.is_object());
        return walk(root, choice.unwrap(), name, value, written);
    }
    match value {
        Value::Array(items) => {
            for item in items {
                walk(root, &schema["items"], name, item, written);
            }
        }
        Value::Object(entries) => {
            for (key, value) in entries {
                match schema["properties"].get(key) {
                    Some(property) => {
                        written.insert(format!("{name}.{key}"));
                        walk(root, property, name, value, written);
                    }
                    None => {
                        let free = &schema["additionalProperties"];
                        assert!(free.is_object(), "{name}.{key} is not in the schema");
                        walk(root, free, name, value, written);
                    }
                }
            }
        }
        _ => assert!(schema["properties"].is_null(), "{name}: {value}"),
    }
}

#[test]
fn an_unlisted_key_is_refused_in_every_table() {
    let places = [
        ("", "[project]"),
        ("colour = 1\n", "[project]\n"),
        ("colour = 1\n", "[groups.live]\n"),
        ("colour = 1\n", "[groups.live.homes.apps]\n"),
        ("colour = 1, ", "parity = { "),
        ("colour = 1, ", "accept = [{ "),
        ("colour = 1\n", "[roles.developer]\n"),
        ("colour = 1\n", "[services.web]\n"),
        ("colour = 1, ", "health = { "),
        ("colour = 1\n", "[databases.main]\n"),
        ("colour = 1\n", "[environments.production]\n"),
        ("colour = 1, ", "allow = { "),
        ("colour = 1, ", "\"./fast.sh\", { "),
        ("colour = 1, ", "smoke = [{ "),
        ("colour = 1, ", "sign_off = [{ "),
        ("colour = 1\n", "[environments.production.watch]\n"),
        ("colour = 1, ", "  { get = \"/b\""),
        ("colour = 1, ", "databases.main = { "),
        ("colour = 1, ", "services.web = { "),
        (
            "colour = 1\n",
            "[environments.production.resources.identity]\n",
        ),
        ("colour = 1\n", "[[freezes]]\n"),
    ];
    for (line, place) in places {
        let text = match place.find("get = ") {
            Some(at) => {
                EVERY_KEY.replace(place, &format!("{}{line}{}", &place[..at], &place[at..]))
            }
            None if line.is_empty() => format!("colour = 1\n{EVERY_KEY}"),
            None => EVERY_KEY.replace(place, &format!("{place}{line}")),
        };
        assert_ne!(text, EVERY_KEY, "{place}");
        let said = said(&text);
        assert!(
            !said.is_empty() && said.iter().all(|line| line.contains(code::UNKNOWN_KEY)),
            "{place}: {said:?}"
        );
    }
}
