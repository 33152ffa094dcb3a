//! Objects besides tables: made, changed and dropped.

use std::collections::{BTreeMap, BTreeSet};

use super::{DEPENDENT, Way, create_index, enumeration, table, word};
use crate::{
    classify::Dialect::Postgres,
    schema::{
        Name, Object, ObjectKey,
        capture::{
            Steps,
            order::{mentioned, sorted},
        },
        model::Kind,
        name::quote,
    },
};

/// What is made: an object or a table, in the order of their kinds where nothing else decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum New<'a> {
    Object(&'a ObjectKey),
    Table(&'a Name),
}

impl<'a> New<'a> {
    fn word(self) -> String {
        match self {
            New::Object(key) => word(&key.name),
            New::Table(name) => word(name),
        }
    }
}

impl<'a> Way<'a> {
    /// Namespaces, extensions, types, sequences, functions and tables.
    pub(super) fn create(&self, steps: &mut Steps) {
        self.create_first(steps);
        let mut texts: BTreeMap<New<'_>, String> = BTreeMap::new();
        let routines = self
            .created
            .iter()
            .chain(&self.altered)
            .filter(|key| is_routine(key.kind));
        let others = self
            .created
            .iter()
            .filter(|key| matches!(key.kind, Kind::Type | Kind::Enumeration | Kind::Sequence));
        for key in routines.chain(others) {
            let object = &self.to.objects[*key];
            if !self.names_new_view(object) {
                texts.insert(New::Object(key), text(object));
            }
        }
        for (name, table) in &self.to.tables {
            if !self.from.tables.contains_key(name) {
                match table::definition(table) {
                    Some(text) => drop(texts.insert(New::Table(name), text)),
                    None => steps.note(
                        table.key(),
                        "it is not written: foreign tables and inheritance are not",
                    ),
                }
            }
        }
        if texts
            .keys()
            .any(|new| matches!(new, New::Object(key) if is_routine(key.kind)))
        {
            // What a body names may come later.
            steps.run("SET LOCAL check_function_bodies = off");
        }
        let names: BTreeSet<String> = texts.keys().map(|new| new.word()).collect();
        let needs = texts.iter().map(|(new, text)| {
            let found = mentioned(text, Postgres, &names);
            let needed = texts
                .keys()
                .filter(|other| *other != new && found.contains(&other.word()));
            (*new, needed.copied().collect())
        });
        for new in sorted(&needs.collect()) {
            steps.run(texts.remove(&new).unwrap_or_default());
            if let New::Table(name) = new {
                table::settle(steps, &self.to.tables[name]);
                table::own_columns(self, steps, None, &self.to.tables[name]);
            }
        }
    }

    fn create_first(&self, steps: &mut Steps) {
        for key in self
            .created
            .iter()
            .filter(|key| matches!(key.kind, Kind::Namespace | Kind::Extension))
        {
            steps.run(self.to.objects[*key].definition.as_str());
        }
        for key in &self.altered {
            let (before, after) = (&self.from.objects[*key], &self.to.objects[*key]);
            match key.kind {
                Kind::Enumeration => enumeration::extend(steps, before, after),
                Kind::Extension => {
                    let to = after
                        .definition
                        .as_str()
                        .rsplit(' ')
                        .next()
                        .unwrap_or_default();
                    steps.run(format!(
                        "ALTER EXTENSION {} SET SCHEMA {to}",
                        quote(key.name.as_str(), Postgres)
                    ));
                }
                Kind::Type | Kind::Namespace => {
                    steps.note(key, "it changes, which is not written: write `ALTER TYPE …` or `ALTER DOMAIN …`");
                }
                Kind::Sequence => {
                    let text = text(after);
                    let options = text.split_once(" AS ").map_or("", |(_, options)| options);
                    let restarted = [
                        "INCREMENT BY 1",
                        "NO MINVALUE",
                        "NO MAXVALUE",
                        "CACHE 1",
                        "NO CYCLE",
                    ];
                    // What is not said would stay as it was.
                    let missing = restarted.iter().filter(|option| {
                        let word = option
                            .trim_start_matches("NO ")
                            .split(' ')
                            .next()
                            .unwrap_or_default();
                        !options.contains(word)
                    });
                    let missing: String = missing.map(|option| format!(" {option}")).collect();
                    steps.run(format!(
                        "ALTER SEQUENCE {} AS {options}{missing}",
                        key.name.quoted(Postgres)
                    ));
                }
                _ => {}
            }
        }
        for key in &self.replaced {
            enumeration::replace(
                self,
                steps,
                &self.from.objects[*key],
                &self.to.objects[*key],
            );
        }
    }

    fn names_new_view(&self, object: &Object) -> bool {
        let views = self
            .created
            .iter()
            .filter(|key| matches!(key.kind, Kind::View | Kind::MaterializedView));
        let names: BTreeSet<String> = views.map(|key| word(&key.name)).collect();
        !mentioned(object.definition.as_str(), Postgres, &names).is_empty()
    }

    /// Routines whose signature names a table that goes.
    pub(super) fn drop_routines_of_tables(&self, steps: &mut Steps) {
        for key in self
            .dropped
            .iter()
            .filter(|key| is_routine(key.kind) && self.goes_with_table(key))
        {
            steps.run(drop_routine(key));
        }
    }

    /// Routines that change what cannot be replaced go before they come again.
    pub(super) fn drop_replaced_routines(&self, steps: &mut Steps) {
        let again = self.dropped.intersection(&self.created);
        for key in again.filter(|key| is_routine(key.kind) || key.kind == Kind::Aggregate) {
            if !self.goes_with_table(key) {
                steps.run(drop_routine(key));
            }
            steps.note(
                key,
                "it is dropped and made again: privileges granted on it are lost",
            );
        }
    }

    /// Whether a routine's signature names a table that goes.
    fn goes_with_table(&self, key: &ObjectKey) -> bool {
        let names: BTreeSet<String> = self
            .from
            .tables
            .keys()
            .filter(|name| self.is_dropped(name))
            .map(word)
            .collect();
        !mentioned(&self.from.objects[key].shape, Postgres, &names).is_empty()
    }

    /// What nothing uses any more.
    pub(super) fn drop_rest(&self, steps: &mut Steps) {
        for key in &self.replaced {
            enumeration::drop_old(steps, &self.from.objects[*key]);
        }
        let gone: BTreeSet<_> = self
            .dropped
            .iter()
            .copied()
            .filter(|key| !self.created.contains(key))
            .collect();
        let routine = |kind| is_routine(kind) || kind == Kind::Aggregate;
        for key in self
            .ordered(self.from, &gone, routine)
            .iter()
            .rev()
            .filter(|key| !self.goes_with_table(key))
        {
            steps.run(drop_routine(key));
        }
        for key in gone.iter().filter(|key| key.kind == Kind::Sequence) {
            let owner = self.from.objects[*key].on.as_ref();
            let exists = match owner {
                Some(table) if self.is_dropped(table) => continue,
                // It may have gone with its column.
                Some(_) => "IF EXISTS ",
                None => "",
            };
            steps.run(format!(
                "DROP SEQUENCE {exists}{}",
                key.name.quoted(Postgres)
            ));
        }
        for key in self
            .ordered(self.from, &gone, |kind| {
                matches!(kind, Kind::Type | Kind::Enumeration)
            })
            .iter()
            .rev()
        {
            let domain = self.from.objects[*key]
                .definition
                .as_str()
                .starts_with("CREATE DOMAIN");
            let words = if domain { "DOMAIN" } else { "TYPE" };
            steps.run(format!("DROP {words} {}", key.name.quoted(Postgres)));
        }
        for (kind, words) in [(Kind::Extension, "EXTENSION"), (Kind::Namespace, "SCHEMA")] {
            for key in gone.iter().filter(|key| key.kind == kind) {
                steps.run(format!(
                    "DROP {words} {}",
                    quote(key.name.as_str(), Postgres)
                ));
            }
        }
    }

    /// Views, and what stands on tables; sequences get their owners.
    pub(super) fn create_dependent(&self, steps: &mut Steps) {
        for key in self
            .created
            .iter()
            .chain(&self.altered)
            .filter(|key| key.kind == Kind::Sequence)
        {
            let (before, after) = (self.from.objects.get(*key), &self.to.objects[*key]);
            if before
                .map(|before| before.shape.as_str())
                .unwrap_or_default()
                != after.shape
            {
                let owner = if after.shape.is_empty() {
                    "NONE"
                } else {
                    &after.shape
                };
                steps.run(format!(
                    "ALTER SEQUENCE {} OWNED BY {owner}",
                    key.name.quoted(Postgres)
                ));
            }
        }
        let late = |key: &&&ObjectKey| {
            DEPENDENT.contains(&key.kind)
                || matches!(key.kind, Kind::Aggregate)
                || is_routine(key.kind) && self.names_new_view(&self.to.objects[**key])
        };
        let keys: BTreeSet<_> = self.created.iter().filter(late).copied().collect();
        // Triggers and the like come after whatever they may call.
        let calling = |kind| matches!(kind, Kind::Trigger | Kind::Rule | Kind::Policy);
        let first = self.ordered(self.to, &keys, |kind| !calling(kind));
        let then = self.ordered(self.to, &keys, calling);
        for key in first.into_iter().chain(then) {
            let object = &self.to.objects[key];
            steps.run(text(object));
            for index in object.indexes.values() {
                create_index(steps, key, index);
            }
            if let (Kind::Trigger, Some(on), false) =
                (key.kind, &object.on, object.shape.is_empty())
            {
                let (table, name) = (on.quoted(Postgres), key.name.quoted_alone(Postgres));
                steps.run(format!(
                    "ALTER TABLE {table} {} TRIGGER {name}",
                    object.shape
                ));
            }
        }
    }
}

pub(super) fn is_routine(kind: Kind) -> bool {
    matches!(kind, Kind::Function | Kind::Procedure)
}

fn drop_routine(key: &ObjectKey) -> String {
    let words = key.kind.to_string().to_uppercase();
    let arguments = match key.kind {
        Kind::Aggregate if key.apart.is_empty() => "*",
        _ => &key.apart,
    };
    format!("DROP {words} {}({arguments})", key.name.quoted(Postgres))
}

/// The statement that makes an object; a sequence's owner is named when its table is there.
fn text(object: &Object) -> String {
    let text = object.definition.as_str();
    match object.key.kind {
        Kind::Sequence => text.split(" OWNED BY ").next().unwrap_or(text).to_owned(),
        _ => text.to_owned(),
    }
}
