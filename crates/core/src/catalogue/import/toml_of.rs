//! The draft as a manifest's text: written into one that is there, or as a new one.

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, Value};

use super::draft::{Draft, DraftEnvironment, DraftResource};
use crate::manifest::write::quoted;

/// Writes what the document does not say yet; what it says stays. Each key that stays although the pages say something
/// else is told.
pub(super) fn fill(document: &mut DocumentMut, draft: &Draft, project: &str) -> Vec<String> {
    let mut filler = Filler { kept: Vec::new() };
    let root: &mut dyn TableLike = document.as_table_mut();
    if let Some(table) = table(root, &["project"])
        && !table.contains_key("name")
    {
        filler.text(table, "project", "name", Some(project));
    }
    for group in &draft.groups {
        filler.group(root, group, draft);
    }
    for role in &draft.roles {
        table(root, &["roles", role]);
    }
    for database in &draft.databases {
        table(root, &["databases", database]);
    }
    for environment in &draft.environments {
        filler.environment(root, environment, draft);
        align(root, &environment.name);
    }
    filler.kept
}

/// The table at a path, made where it is not there; `None` where something else stands in its place.
fn table<'a>(root: &'a mut dyn TableLike, path: &[&str]) -> Option<&'a mut dyn TableLike> {
    let mut found = root;
    for (depth, part) in path.iter().enumerate() {
        let is_last = depth + 1 == path.len();
        let item = found.entry(part).or_insert_with(|| {
            let mut table = Table::new();
            table.set_implicit(!is_last);
            Item::Table(table)
        });
        if is_last && let Item::Table(table) = item {
            table.set_implicit(false);
        }
        found = item.as_table_like_mut()?;
    }
    Some(found)
}

/// Puts a space where one belongs in an environment that is written in one line, and none where not.
fn align(root: &mut dyn TableLike, environment: &str) {
    let environments = root
        .get_mut("environments")
        .and_then(Item::as_table_like_mut);
    let found = environments.and_then(|environments| environments.get_mut(environment));
    if let Some(inline) = found.and_then(Item::as_inline_table_mut) {
        inline.fmt();
    }
}

struct Filler {
    kept: Vec<String>,
}

impl Filler {
    fn put(&mut self, table: &mut dyn TableLike, place: &str, key: &str, value: Value) {
        match table.get(key) {
            None => {
                table.insert(key, Item::Value(value));
            }
            Some(there) => {
                // A page may show less of what is written strangely.
                let told = there.as_value().map(words).unwrap_or_default();
                let mut told = told.iter();
                if !words(&value)
                    .iter()
                    .all(|word| told.any(|other| other == word))
                {
                    self.kept
                        .push(format!("{place}.{key} = {}", value.to_string().trim()));
                }
            }
        }
    }

    fn text(&mut self, table: &mut dyn TableLike, place: &str, key: &str, said: Option<&str>) {
        // A manifest takes no blank texts where it takes words, and nothing is said by them.
        if let Some(said) = said.filter(|said| !said.trim().is_empty()) {
            self.put(table, place, key, text(said));
        }
    }

    fn texts<T: AsRef<str>>(
        &mut self,
        table: &mut dyn TableLike,
        place: &str,
        key: &str,
        said: &[T],
    ) {
        let said = said.iter().map(AsRef::as_ref);
        let values: Array = said
            .filter(|said| !said.trim().is_empty())
            .map(text)
            .collect();
        if !values.is_empty() {
            self.put(table, place, key, Value::Array(values));
        }
    }

    fn group(&mut self, root: &mut dyn TableLike, group: &super::draft::DraftGroup, draft: &Draft) {
        let place = format!("groups.{}", group.name);
        let Some(found) = table(root, &["groups", &group.name]) else {
            return;
        };
        self.text(found, &place, "description", group.description.as_deref());
        self.texts(found, &place, "aliases", &group.aliases);
        for home in &group.homes {
            let place = format!("{place}.homes.{}", home.name);
            let Some(found) = table(root, &["groups", &group.name, "homes", &home.name]) else {
                continue;
            };
            self.text(found, &place, "title", home.title.as_deref());
            self.text(found, &place, "description", home.description.as_deref());
            self.text(found, &place, "kind", home.kind.as_deref());
            self.text(found, &place, "id", home.id.as_deref());
            self.text(found, &place, "link", home.link.as_deref());
            self.texts(found, &place, "environments", &names(draft, &home.holds));
            self.text(found, &place, "part_of", home.part_of.as_deref());
        }
    }

    fn environment(
        &mut self,
        root: &mut dyn TableLike,
        environment: &DraftEnvironment,
        draft: &Draft,
    ) {
        let place = format!("environments.{}", environment.name);
        let path = ["environments", &environment.name];
        let Some(found) = table(root, &path) else {
            return;
        };
        let group = environment.group.map(|at| draft.groups[at].name.as_str());
        let name = |at: usize| draft.environments[at].name.as_str();
        self.text(
            found,
            &place,
            "description",
            environment.description.as_deref(),
        );
        self.text(found, &place, "purpose", environment.purpose.as_deref());
        self.text(found, &place, "url", environment.url.as_deref());
        self.texts(found, &place, "audience", &environment.audience);
        self.texts(found, &place, "aliases", &environment.aliases);
        self.text(found, &place, "group", group);
        self.text(found, &place, "branch", environment.branch.as_deref());
        self.texts(found, &place, "after", &names(draft, &environment.after));
        self.text(found, &place, "mirrors", environment.mirrors.map(name));
        self.texts(found, &place, "by_hand", &environment.by_hand);
        self.texts(found, &place, "used_by", &environment.used_by);
        self.texts(found, &place, "test", &environment.test);
        if !environment.sign_off.is_empty() {
            let rules: Array = environment.sign_off.iter().map(sign_off).collect();
            self.put(found, &place, "sign_off", Value::Array(rules));
        }
        let takes_back = environment.takes_back.then_some("rollback");
        self.text(found, &place, "on_failure", takes_back);
        for (database, home) in &environment.same_as {
            let path = ["environments", &environment.name, "databases", database];
            if let Some(found) = table(root, &path) {
                let place = format!("{place}.databases.{database}");
                self.text(found, &place, "same_as", Some(name(*home)));
            }
        }
        for resource in &environment.resources {
            let path = [
                "environments",
                &environment.name,
                "resources",
                &resource.name,
            ];
            if let Some(found) = table(root, &path) {
                let place = format!("{place}.resources.{}", resource.name);
                self.resource(found, &place, resource, draft);
            }
        }
    }

    fn resource(
        &mut self,
        table: &mut dyn TableLike,
        place: &str,
        resource: &DraftResource,
        draft: &Draft,
    ) {
        if table.contains_key("from") || table.contains_key("shared") {
            return;
        }
        if let Some(from) = resource.from {
            match table.is_empty() {
                true => self.text(table, place, "from", Some(&draft.environments[from].name)),
                false => self.kept.push(format!(
                    "{place}.from = {}",
                    text(&draft.environments[from].name)
                )),
            }
            return;
        }
        self.text(table, place, "title", resource.title.as_deref());
        self.text(table, place, "description", resource.description.as_deref());
        self.text(table, place, "kind", resource.kind.as_deref());
        self.text(table, place, "id", resource.id.as_deref());
        self.text(table, place, "link", resource.link.as_deref());
        self.text(table, place, "owner", resource.owner.as_deref());
        self.texts(table, place, "config", &resource.keys);
        self.text(table, place, "endpoint", resource.endpoint.as_deref());
    }
}

fn names<'a>(draft: &'a Draft, indices: &[usize]) -> Vec<&'a str> {
    let names = indices
        .iter()
        .map(|at| draft.environments[*at].name.as_str());
    names.collect()
}

fn sign_off((name, role): &(String, String)) -> Value {
    let mut rule = InlineTable::new();
    rule.insert("name", text(name));
    rule.insert("role", text(role));
    Value::InlineTable(rule)
}

/// A text, written as the manifest's writer does.
fn text(said: &str) -> Value {
    quoted(said).parse().unwrap_or_else(|_| Value::from(said))
}

/// The words of a value: a page shows no more of it.
fn words(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => text
            .value()
            .split(|c: char| c.is_whitespace() || c.is_control())
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect(),
        Value::Array(values) => values.iter().flat_map(words).collect(),
        other => vec![other.to_string().trim().to_owned()],
    }
}
