//! The way from one schema of PostgreSQL to another.
//!
//! Everything is named with its namespace. What depends on what is taken from names in definitions, which the catalogue
//! prints in full; bodies of functions are texts that PostgreSQL does not look into before they run, and while functions
//! are made it is told not to check them.
//!
//! Written: tables, columns, constraints, indexes, views, functions and procedures, aggregates, triggers, rules,
//! policies, sequences, enumerations, namespaces and extensions. Not written, and said so: changes of domains, composite
//! types and ranges, of partitioning and inheritance, and foreign tables.

mod constraints;
mod enumeration;
mod objects;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Steps,
    order::{mentioned, sorted},
};
use crate::{
    classify::Dialect::Postgres,
    schema::{Index, Name, Object, ObjectKey, Schema, Table, model::Kind, postgres::INVALID},
};

pub(super) fn steps(from: &Schema, to: &Schema) -> Steps {
    let way = Way::new(from, to);
    let mut steps = Steps::default();
    way.drop_dependent(&mut steps);
    way.drop_constraints(&mut steps);
    way.drop_routines_of_tables(&mut steps);
    way.drop_tables(&mut steps);
    way.drop_replaced_routines(&mut steps);
    for (before, after) in way.both() {
        table::drop_identities(&mut steps, before, after);
    }
    way.create(&mut steps);
    way.alter_tables(&mut steps);
    way.drop_rest(&mut steps);
    way.create_constraints(&mut steps);
    way.create_dependent(&mut steps);
    steps
}

/// What stands on tables and is made after them.
const DEPENDENT: [Kind; 5] = [
    Kind::Trigger,
    Kind::Rule,
    Kind::Policy,
    Kind::MaterializedView,
    Kind::View,
];

struct Way<'a> {
    from: &'a Schema,
    to: &'a Schema,
    /// Objects that go, and those that come; of one that changes, or is in the way of a change, both.
    dropped: BTreeSet<&'a ObjectKey>,
    created: BTreeSet<&'a ObjectKey>,
    /// Objects that are changed as they are.
    altered: BTreeSet<&'a ObjectKey>,
    /// Enumerations that are made anew since PostgreSQL only adds values.
    replaced: BTreeSet<&'a ObjectKey>,
}

impl<'a> Way<'a> {
    fn new(from: &'a Schema, to: &'a Schema) -> Way<'a> {
        let mut way = Way {
            from,
            to,
            dropped: from
                .objects
                .keys()
                .filter(|key| !to.objects.contains_key(key))
                .collect(),
            created: to
                .objects
                .keys()
                .filter(|key| !from.objects.contains_key(key))
                .collect(),
            altered: BTreeSet::new(),
            replaced: BTreeSet::new(),
        };
        for (key, before) in &from.objects {
            let Some(after) = to.objects.get(key).filter(|after| !after.same_as(before)) else {
                continue;
            };
            let in_place = match key.kind {
                Kind::Enumeration => enumeration::is_only_extended(to, before, after),
                Kind::Function | Kind::Procedure => before.shape == after.shape,
                Kind::Sequence | Kind::Type | Kind::Extension | Kind::Namespace => true,
                _ => false,
            };
            match key.kind {
                _ if in_place => {
                    way.altered.insert(key);
                }
                Kind::Enumeration => {
                    way.replaced.insert(key);
                }
                _ => {
                    way.dropped.insert(key);
                    way.created.insert(key);
                }
            }
        }
        way.clear();
        way
    }

    /// The tables on both sides.
    fn both(&self) -> impl Iterator<Item = (&'a Table, &'a Table)> {
        let (from, to) = (self.from, self.to);
        from.tables
            .iter()
            .filter_map(move |(name, table)| Some((table, to.tables.get(name)?)))
    }

    fn is_dropped(&self, table: &Name) -> bool {
        self.from.tables.contains_key(table) && !self.to.tables.contains_key(table)
    }

    /// Has dropped and made again what would be in the way.
    fn clear(&mut self) {
        let mut names: BTreeSet<String> = BTreeSet::new();
        let gone = self.from.tables.keys().filter(|name| self.is_dropped(name));
        names.extend(gone.map(word));
        names.extend(
            self.dropped
                .iter()
                .chain(&self.replaced)
                .filter(|key| !is_on_table(key.kind))
                .map(|key| word(&key.name)),
        );
        // Of a table that changes, what names a column that cannot stay as it is.
        let mut columns: BTreeMap<&Name, BTreeSet<String>> = BTreeMap::new();
        for (before, after) in self.both() {
            let disturbed = table::disturbed_columns(self, before, after);
            if !disturbed.is_empty() {
                names.insert(word(&before.name));
                columns.insert(
                    &before.name,
                    disturbed
                        .iter()
                        .map(|name| name.as_str().to_lowercase())
                        .collect(),
                );
            }
        }
        loop {
            let found = self.from.objects.values().find(|object| {
                !self.dropped.contains(&object.key) && self.is_in_the_way(object, &names, &columns)
            });
            let Some(object) = found else {
                return;
            };
            if !is_on_table(object.key.kind) {
                names.insert(word(&object.key.name));
            }
            self.dropped.insert(&object.key);
            if self.to.objects.contains_key(&object.key) {
                self.created.insert(&object.key);
                self.altered.remove(&object.key);
            }
        }
    }

    fn is_in_the_way(
        &self,
        object: &Object,
        names: &BTreeSet<String>,
        columns: &BTreeMap<&Name, BTreeSet<String>>,
    ) -> bool {
        let text = object.definition.as_str();
        let mentions = |names: &BTreeSet<String>| !mentioned(text, Postgres, names).is_empty();
        match object.key.kind {
            Kind::View | Kind::MaterializedView => mentions(names),
            Kind::Trigger | Kind::Rule | Kind::Policy => {
                let on = object.on.as_ref();
                let mut others = names.clone();
                // Its own table is named in any case; the table's going takes it along.
                others.remove(&on.map(word).unwrap_or_default());
                let of_view = on.is_some_and(|on| {
                    self.dropped.iter().any(|key| {
                        key.name == *on && matches!(key.kind, Kind::View | Kind::MaterializedView)
                    })
                });
                of_view
                    || mentions(&others)
                    || on.and_then(|on| columns.get(on)).is_some_and(mentions)
            }
            // A body that PostgreSQL has read depends on what it names; so does a signature.
            Kind::Function | Kind::Procedure => {
                let signature = text.split("\nAS ").next().unwrap_or(text);
                !mentioned(
                    signature,
                    Postgres,
                    &without(names, &word(&object.key.name)),
                )
                .is_empty()
            }
            _ => false,
        }
    }

    fn drop_dependent(&self, steps: &mut Steps) {
        for kind in [Kind::Trigger, Kind::Rule, Kind::Policy] {
            for key in self.dropped.iter().filter(|key| key.kind == kind) {
                let Some(on) = self.from.objects[*key].on.as_ref() else {
                    continue;
                };
                if self.is_dropped(on) {
                    continue;
                }
                let words = key.kind.to_string().to_uppercase();
                steps.run(format!(
                    "DROP {words} {} ON {}",
                    key.name.quoted_alone(Postgres),
                    on.quoted(Postgres)
                ));
            }
        }
        for key in self
            .ordered(self.from, &self.dropped, |kind| {
                matches!(kind, Kind::View | Kind::MaterializedView)
            })
            .iter()
            .rev()
        {
            let words = key.kind.to_string().to_uppercase();
            steps.run(format!("DROP {words} {}", key.name.quoted(Postgres)));
            if self.created.contains(*key) {
                steps.note(
                    key,
                    "it is dropped and made again: privileges granted on it are lost",
                );
            }
        }
    }

    /// Tables that go, those that refer to others first.
    fn dropped_tables(&self) -> Vec<&'a Name> {
        let gone: BTreeSet<&Name> = self
            .from
            .tables
            .keys()
            .filter(|name| self.is_dropped(name))
            .collect();
        let needs = gone.iter().map(|name| {
            let table = &self.from.tables[*name];
            let others = table
                .constraints
                .iter()
                .filter_map(|key| key.refers_to.as_ref());
            let needed = others
                .filter_map(|other| gone.get(other).copied())
                .filter(|other| other != name);
            (*name, needed.chain(table::parents(table, &gone)).collect())
        });
        let mut order = sorted(&needs.collect());
        order.reverse();
        order
    }

    fn drop_tables(&self, steps: &mut Steps) {
        let renamed = self
            .to
            .tables
            .keys()
            .any(|name| !self.from.tables.contains_key(name));
        for name in self.dropped_tables() {
            let table = &self.from.tables[name];
            let words = if table.options.contains_key("foreign server") {
                "FOREIGN TABLE"
            } else {
                "TABLE"
            };
            steps.run(format!("DROP {words} {}", name.quoted(Postgres)));
            steps.note(table.key(), "its rows are lost");
            if renamed {
                steps.note(
                    table.key(),
                    "if it was renamed, write `ALTER TABLE … RENAME TO …` instead: that cannot be told from dropping one and creating another",
                );
            }
        }
    }

    fn alter_tables(&self, steps: &mut Steps) {
        for (before, after) in self.both() {
            table::alter(self, steps, before, after);
        }
    }

    /// Objects of some kinds, each after those that it mentions.
    fn ordered(
        &self,
        schema: &'a Schema,
        keys: &BTreeSet<&'a ObjectKey>,
        wanted: impl Fn(Kind) -> bool,
    ) -> Vec<&'a ObjectKey> {
        let keys: Vec<_> = keys
            .iter()
            .copied()
            .filter(|key| wanted(key.kind))
            .collect();
        let names: BTreeSet<String> = keys.iter().map(|key| word(&key.name)).collect();
        let needs = keys.iter().map(|key| {
            let found = mentioned(schema.objects[*key].definition.as_str(), Postgres, &names);
            let needed = keys
                .iter()
                .filter(|other| *other != key && found.contains(&word(&other.name)));
            (*key, needed.copied().collect())
        });
        sorted(&needs.collect())
    }
}

fn create_index(steps: &mut Steps, key: &ObjectKey, index: &Index) {
    match index.definition.as_str().strip_suffix(INVALID) {
        Some(_) => steps.note(
            key,
            format!(
                "the index {} was not built to the end there, and is left out here",
                index.name
            ),
        ),
        None => steps.run(index.definition.as_str()),
    }
}

fn is_on_table(kind: Kind) -> bool {
    matches!(kind, Kind::Trigger | Kind::Rule | Kind::Policy)
}

/// A name as it stands in definitions: alone, in lower case.
fn word(name: &Name) -> String {
    name.as_str().to_lowercase()
}

fn without(names: &BTreeSet<String>, name: &str) -> BTreeSet<String> {
    names
        .iter()
        .filter(|other| *other != name)
        .cloned()
        .collect()
}

fn names_any(text: &str, names: &[String]) -> bool {
    !names.is_empty()
        && !mentioned(
            text,
            Postgres,
            &names.iter().map(|name| name.to_lowercase()).collect(),
        )
        .is_empty()
}
