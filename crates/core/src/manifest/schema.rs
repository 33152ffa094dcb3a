//! The JSON Schema of `towpath.toml`, for editors: made from the same list of keys as the parser.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    DatabaseEngine,
    format::Format,
    keys::{Absent, Key, Kind, ROOT, TableSpec},
};

/// The pattern of durations as [`parse_duration`](crate::time::parse_duration) reads them, a little looser.
const DURATION: &str = r"^\s*\d";

/// The JSON Schema (draft 2020-12) of the manifest as people write it.
pub fn schema() -> Value {
    let mut definitions = BTreeMap::new();
    let mut root = table(&ROOT, &mut definitions);
    let defs = definitions
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect::<Map<_, _>>();
    if let Some(root) = root.as_object_mut() {
        root.insert(
            "$schema".into(),
            "https://json-schema.org/draft/2020-12/schema".into(),
        );
        root.insert("title".into(), "towpath.toml".into());
        root.insert("$defs".into(), Value::Object(defs));
    }
    root
}

type Definitions = BTreeMap<&'static str, Value>;

fn table(spec: &'static TableSpec, definitions: &mut Definitions) -> Value {
    let properties: Map<String, Value> = spec
        .keys
        .iter()
        .map(|key| (key.name.to_owned(), property(key, definitions)))
        .collect();
    let required: Vec<&str> = spec
        .keys
        .iter()
        .filter(|key| matches!(key.absent, Absent::Refused))
        .map(|key| key.name)
        .collect();
    let mut value = json!({
        "description": spec.doc,
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        value["required"] = json!(required);
    }
    if !spec.one_of.is_empty() {
        let one_of: Vec<_> = spec
            .one_of
            .iter()
            .map(|keys| json!({ "required": keys }))
            .collect();
        value["oneOf"] = json!(one_of);
    }
    value
}

/// A reference to the table's definition, which is made when it is first referred to.
fn reference(spec: &'static TableSpec, definitions: &mut Definitions) -> Value {
    if !definitions.contains_key(spec.name) {
        let value = table(spec, definitions);
        definitions.insert(spec.name, value);
    }
    json!({ "$ref": format!("#/$defs/{}", spec.name) })
}

fn property(key: &'static Key, definitions: &mut Definitions) -> Value {
    let mut value = kind(key.kind, definitions);
    value["description"] = json!(key.doc);
    let default = match key.absent {
        Absent::Refused | Absent::Nothing => None,
        Absent::Text(text) => Some(json!(text)),
        Absent::Texts(texts) => Some(json!(texts)),
        Absent::Integer(number) => Some(json!(number)),
    };
    value["examples"] = json!([written(key.example)]);
    if let Some(default) = default {
        value["default"] = default;
    }
    value
}

/// A value as it is written in TOML, as JSON has it.
fn written(example: &str) -> Value {
    let table: toml::Table = format!("it = {example}")
        .parse()
        .expect("the examples are TOML, as a test makes sure");
    json!(table["it"])
}

fn kind(kind: Kind, definitions: &mut Definitions) -> Value {
    match kind {
        Kind::Text(format) => text(format),
        Kind::Texts(format) => json!({ "type": "array", "items": text(format) }),
        Kind::Duration | Kind::DurationOrZero => json!({ "type": "string", "pattern": DURATION }),
        Kind::Integer(least, most) => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Kind::Ratio => json!({ "type": "number", "minimum": 0, "maximum": 1 }),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Scalar => json!({ "type": ["string", "integer", "boolean"] }),
        Kind::Table(spec) => reference(spec, definitions),
        Kind::Tables(format, spec) => json!({
            "type": "object",
            "propertyNames": text(format),
            "additionalProperties": reference(spec, definitions),
        }),
        Kind::List(spec) => json!({ "type": "array", "items": reference(spec, definitions) }),
        Kind::Commands(spec) => json!({
            "type": "array",
            "items": { "anyOf": [text(Format::Filled), reference(spec, definitions)] },
        }),
        Kind::Variables => json!({
            "type": "object",
            "propertyNames": text(Format::Variable),
            "additionalProperties": { "type": ["string", "integer", "boolean"] },
        }),
    }
}

fn text(format: Format) -> Value {
    match (format, format.pattern()) {
        (Format::Choice(words), _) => json!({ "type": "string", "enum": words }),
        (Format::Engine, _) => {
            json!({ "type": "string", "enum": DatabaseEngine::ALL.map(DatabaseEngine::as_str) })
        }
        (_, Some(pattern)) => json!({ "type": "string", "pattern": pattern }),
        (_, None) => json!({ "type": "string" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each table with its keys, required ones marked, each with its type and default.
    fn outline(schema: &Value) -> String {
        let mut lines = vec![table_outline("manifest", schema)];
        for (name, table) in schema["$defs"].as_object().unwrap() {
            lines.push(table_outline(name, table));
        }
        lines.join("\n")
    }

    fn table_outline(name: &str, table: &Value) -> String {
        let required: Vec<&str> = table["required"]
            .as_array()
            .map(|keys| keys.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let keys = table["properties"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(key, value)| {
                let mark = if required.contains(&key.as_str()) {
                    "!"
                } else {
                    ""
                };
                let default = match &value["default"] {
                    Value::Null => String::new(),
                    default => format!(" = {default}"),
                };
                format!("{key}{mark}: {}{default}", type_of(value))
            });
        format!("{name} {{ {} }}", keys.collect::<Vec<_>>().join(", "))
    }

    fn type_of(value: &Value) -> String {
        if let Some(reference) = value["$ref"].as_str() {
            return reference.rsplit('/').next().unwrap().to_owned();
        }
        match value["type"].as_str() {
            Some("array") => format!("[{}]", type_of(&value["items"])),
            Some("object") => format!("{{{}}}", type_of(&value["additionalProperties"])),
            Some(name) => name.to_owned(),
            None => "any of".to_owned(),
        }
    }

    #[test]
    fn the_schema_has_every_table_and_key() {
        insta::assert_snapshot!(outline(&schema()));
    }

    /// The tables that keys lead to, from one on.
    fn tables(spec: &'static TableSpec, found: &mut Vec<&'static TableSpec>) {
        if found.iter().any(|known| known.name == spec.name) {
            return;
        }
        found.push(spec);
        for key in spec.keys {
            if let Kind::Table(inner)
            | Kind::Tables(_, inner)
            | Kind::List(inner)
            | Kind::Commands(inner) = key.kind
            {
                tables(inner, found);
            }
        }
    }

    #[test]
    fn every_example_is_one_that_the_parser_takes() {
        let mut found = Vec::new();
        tables(&ROOT, &mut found);
        for key in found.iter().flat_map(|table| table.keys) {
            let value = written(key.example);
            let fits = match key.kind {
                Kind::Text(format) => format.check(value.as_str().unwrap()).is_ok(),
                Kind::Texts(format) => value
                    .as_array()
                    .unwrap()
                    .iter()
                    .all(|text| format.check(text.as_str().unwrap()).is_ok()),
                Kind::Duration | Kind::DurationOrZero => {
                    crate::time::parse_duration(value.as_str().unwrap()).is_ok()
                }
                Kind::Integer(least, most) => (least..=most).contains(&value.as_i64().unwrap()),
                Kind::Ratio => value
                    .as_f64()
                    .is_some_and(|share| (0.0..=1.0).contains(&share)),
                Kind::Boolean => value.is_boolean(),
                Kind::Scalar => !value.is_object() && !value.is_array(),
                Kind::Table(_) | Kind::Tables(..) | Kind::Variables => value.is_object(),
                Kind::List(_) | Kind::Commands(_) => value.is_array(),
            };
            assert!(fits, "{}: {}", key.name, key.example);
        }
    }

    #[test]
    fn every_key_is_described_and_every_reference_leads_somewhere() {
        let schema = schema();
        let text = schema.to_string();
        for (at, _) in text.match_indices("#/$defs/") {
            let name: String = text[at + 8..].chars().take_while(|c| *c != '"').collect();
            assert!(schema["$defs"][&name].is_object(), "{name}");
        }
        for table in schema["$defs"].as_object().unwrap().values() {
            assert!(table["description"].is_string());
            for (key, value) in table["properties"].as_object().unwrap() {
                let doc = value["description"].as_str().unwrap();
                assert!(doc.ends_with('.'), "{key}: {doc}");
                let examples = value["examples"].as_array().unwrap();
                assert!(!examples.is_empty(), "{key}");
            }
        }
    }
}
