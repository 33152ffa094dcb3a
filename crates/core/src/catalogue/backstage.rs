//! The catalogue as entities of Backstage: a `catalog-info.yaml` with a document for each.
//!
//! The shape is that of Backstage's descriptor format, version `backstage.io/v1alpha1`. Every text is written as a JSON string,
//! which YAML takes as it is, so that nothing in it can be anything else.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use serde_json::{Value, json};

use super::{Used, entries};
use crate::{
    manifest::{Environment, Manifest},
    names::EnvironmentName,
};

/// Backstage's names are at most so long.
const MOST: usize = 63;

/// Writes the entities: a System for the project, a Component for each service, a Resource for each thing that is declared and for
/// each database.
pub fn backstage(manifest: &Manifest) -> String {
    let mut names = Names::default();
    let system = names.name("System", manifest.project.as_str());
    let owner = owner_of_all(manifest);
    let all = entries(manifest);
    let declared: Vec<(&EnvironmentName, &Used)> = all
        .iter()
        .flat_map(|entry| entry.resources.iter().map(move |used| (&entry.name, used)))
        .filter(|(environment, used)| used.declared_in == **environment)
        .collect();
    let mut resources = Vec::new();
    for (environment, used) in declared {
        let wanted = format!("{}-{environment}", used.name);
        resources.push((names.name("Resource", &wanted), environment, used));
    }
    let databases: Vec<(String, String)> = manifest
        .databases
        .keys()
        .map(|database| {
            let name = names.name("Resource", &format!("database-{database}"));
            (name, database.to_string())
        })
        .collect();
    let depends: Vec<Value> = resources
        .iter()
        .map(|(name, ..)| name)
        .chain(databases.iter().map(|(name, _)| name))
        .map(|name| json!(format!("resource:default/{name}")))
        .collect();

    let mut documents = vec![entity(
        "System",
        metadata(
            &system,
            None,
            manifest.description.as_deref(),
            links(manifest),
            &[],
            &[],
        ),
        json!({ "owner": owner }),
    )];
    for service in manifest.services.keys() {
        let name = names.name("Component", service.as_str());
        let mut spec = json!({
            "type": "service",
            "lifecycle": lifecycle(manifest),
            "owner": owner,
            "system": system,
        });
        if !depends.is_empty() {
            spec["dependsOn"] = json!(depends);
        }
        let metadata = metadata(&name, None, None, links(manifest), &[], &[]);
        documents.push(entity("Component", metadata, spec));
    }
    for (name, environment, used) in &resources {
        documents.push(resource(name, environment, used, &system, &owner));
    }
    for (name, database) in &databases {
        let metadata = metadata(name, Some(database), None, Vec::new(), &[], &[]);
        let spec = json!({ "type": "database", "owner": owner, "system": system });
        documents.push(entity("Resource", metadata, spec));
    }
    let mut text = String::new();
    for document in &documents {
        text.push_str("---\n");
        write_map(&mut text, document, 0);
    }
    text
}

fn resource(
    name: &str,
    environment: &EnvironmentName,
    used: &Used,
    system: &str,
    fallback: &str,
) -> Value {
    let said = &used.resource;
    let link = said
        .link
        .iter()
        .map(|link| json!({ "url": link, "title": "View" }));
    let mut tags: Vec<&EnvironmentName> = vec![environment];
    tags.extend(&used.shared_with);
    let annotations = [
        ("towpath/environment", Some(environment.to_string())),
        ("towpath/resource", Some(used.name.clone())),
        ("towpath/id", said.id.clone()),
    ];
    let title = said.title.as_deref().unwrap_or(&used.name);
    let metadata = metadata(
        name,
        Some(title),
        said.description.as_deref(),
        link.collect(),
        &annotations,
        &tags,
    );
    let kind = said.kind.as_deref().filter(|kind| !kind.trim().is_empty());
    let owner = said.owner.as_deref().map(entity_ref);
    let spec = json!({
        "type": kind.unwrap_or("unknown"),
        "owner": owner.unwrap_or_else(|| fallback.to_owned()),
        "system": system,
    });
    entity("Resource", metadata, spec)
}

fn entity(kind: &str, metadata: Value, spec: Value) -> Value {
    json!({
        "apiVersion": "backstage.io/v1alpha1",
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
    })
}

fn metadata(
    name: &str,
    title: Option<&str>,
    description: Option<&str>,
    links: Vec<Value>,
    annotations: &[(&str, Option<String>)],
    tags: &[&EnvironmentName],
) -> Value {
    let mut metadata = json!({ "name": name });
    let filled = |said: &&str| !said.trim().is_empty();
    if let Some(title) = title.filter(filled) {
        metadata["title"] = json!(title);
    }
    if let Some(description) = description.filter(filled) {
        metadata["description"] = json!(description);
    }
    let annotations: BTreeMap<&str, &String> = annotations
        .iter()
        .filter_map(|(key, value)| Some((*key, value.as_ref()?)))
        .collect();
    if !annotations.is_empty() {
        metadata["annotations"] = json!(annotations);
    }
    if !tags.is_empty() {
        let tags: Vec<&str> = tags.iter().map(|name| name.as_str()).collect();
        metadata["tags"] = json!(tags);
    }
    if !links.is_empty() {
        metadata["links"] = json!(links);
    }
    metadata
}

/// Where people open the environments.
fn links(manifest: &Manifest) -> Vec<Value> {
    let link = |environment: &Environment| {
        let url = environment.url.as_ref()?;
        Some(json!({ "url": url, "title": environment.name }))
    };
    manifest.environments.iter().filter_map(link).collect()
}

fn lifecycle(manifest: &Manifest) -> &'static str {
    let mut environments = manifest.environments.iter();
    match environments.any(|environment| manifest.is_production(environment)) {
        true => "production",
        false => "experimental",
    }
}

/// The first role that uses what serves end users, or else any.
fn owner_of_all(manifest: &Manifest) -> String {
    let production = manifest
        .environments
        .iter()
        .filter(|e| manifest.is_production(e));
    let all = production.chain(&manifest.environments);
    let role = all.flat_map(|environment| &environment.used_by).next();
    role.map_or_else(
        || "group:default/unknown".to_owned(),
        |role| format!("group:default/{role}"),
    )
}

/// Whoever looks after something, as Backstage refers to people and teams.
fn entity_ref(owner: &str) -> String {
    match owner.split_once('@') {
        Some((who, _)) => format!("user:default/{}", name_of(who)),
        None => format!("group:default/{}", name_of(owner)),
    }
}

/// The nearest name that Backstage takes: letters, digits, and `-`, `_` and `.` between them.
fn name_of(text: &str) -> String {
    let mut name = String::new();
    for letter in text.chars() {
        match letter {
            letter if letter.is_ascii_alphanumeric() => name.push(letter),
            '-' | '_' | '.' if !name.is_empty() => name.push(letter),
            _ if name.is_empty() || name.ends_with(['-', '_', '.']) => {}
            _ => name.push('-'),
        }
    }
    name.truncate(MOST);
    let name = name.trim_end_matches(['-', '_', '.']);
    match name {
        "" => "unknown".to_owned(),
        name => name.to_owned(),
    }
}

/// Names that are given, by kind: Backstage tells entities apart by kind and name, whatever the case.
#[derive(Default)]
struct Names(BTreeSet<(&'static str, String)>);

impl Names {
    fn name(&mut self, kind: &'static str, wanted: &str) -> String {
        let stem = name_of(wanted);
        let mut name = stem.clone();
        let mut number = 2;
        while !self.0.insert((kind, name.to_lowercase())) {
            let tail = format!("-{number}");
            let short: String = stem.chars().take(MOST - tail.len()).collect();
            name = format!("{}{tail}", short.trim_end_matches(['-', '_', '.']));
            number += 1;
        }
        name
    }
}

/// Writes an object as a block of YAML.
fn write_map(text: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    let Some(map) = value.as_object() else { return };
    for (key, value) in map {
        let _ = write!(text, "{indent}{key}:");
        write_value(text, value, depth);
    }
}

fn write_value(text: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(_) => {
            text.push('\n');
            write_map(text, value, depth + 1);
        }
        Value::Array(items) => {
            text.push('\n');
            let indent = "  ".repeat(depth + 1);
            for item in items {
                match item {
                    Value::Object(_) => {
                        let mut block = String::new();
                        write_map(&mut block, item, depth + 2);
                        let block = block.trim_start();
                        let _ = write!(text, "{indent}- {block}");
                    }
                    _ => {
                        let _ = writeln!(text, "{indent}- {item}");
                    }
                }
            }
        }
        _ => {
            let _ = writeln!(text, " {value}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::*, *};

    #[test]
    fn everything_has_its_entity() {
        insta::assert_snapshot!(backstage(&manifest(SHARED)));
    }

    #[test]
    fn names_are_told_apart() {
        let mut names = Names::default();
        assert_eq!(names.name("Resource", "a b"), "a-b");
        assert_eq!(names.name("Resource", "A-B"), "A-B-2");
        assert_eq!(names.name("Component", "a-b"), "a-b");
        assert_eq!(names.name("Resource", "…"), "unknown");
        let long = "x".repeat(80);
        assert_eq!(names.name("Resource", &long).len(), MOST);
        assert_eq!(names.name("Resource", &long).len(), MOST);
        assert_eq!(entity_ref("dana@acme.test"), "user:default/dana");
        assert_eq!(
            entity_ref("The platform team"),
            "group:default/The-platform-team"
        );
    }
}
