//! The way from one schema of SQLite to another.
//!
//! Its `ALTER TABLE` adds and drops plain columns. Every other change of a table makes a new one, copies the rows, drops
//! the old one and gives its name to the new: the procedure of <https://www.sqlite.org/lang_altertable.html#otheralter>.
//! Views and triggers that mention such a table are dropped before and made again after, since `ALTER TABLE` reads them
//! all and refuses those that mention what is not there.

mod table;

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Steps,
    order::{mentioned, sorted},
};
use table::{Change, about_columns, about_constraints, alter, keep_number, renamed, row_number};

use crate::{
    classify::Dialect::Sqlite,
    schema::{Name, Object, ObjectKey, Schema, Table, model::Kind},
};

pub(super) fn steps(from: &Schema, to: &Schema) -> Steps {
    let way = Way::new(from, to);
    let mut steps = Steps::default();
    way.drop_objects(&mut steps);
    way.drop_indexes(&mut steps);
    way.drop_tables(&mut steps);
    way.change_tables(&mut steps);
    way.create_tables(&mut steps);
    way.create_indexes(&mut steps);
    way.create_objects(&mut steps);
    steps
}

struct Way<'a> {
    from: &'a Schema,
    to: &'a Schema,
    changes: BTreeMap<&'a Name, Change>,
    /// Views, triggers and virtual tables that go, and those that come; of the same ones that are in the way, both.
    dropped: BTreeSet<&'a ObjectKey>,
    created: BTreeSet<&'a ObjectKey>,
}

impl<'a> Way<'a> {
    fn new(from: &'a Schema, to: &'a Schema) -> Way<'a> {
        let both = from
            .tables
            .iter()
            .filter_map(|(name, table)| Some((name, table, to.tables.get(name)?)));
        let changes = both
            .map(|(name, before, after)| (name, Change::of(before, after)))
            .collect();
        let same = |key: &ObjectKey| match (from.objects.get(key), to.objects.get(key)) {
            (Some(before), Some(after)) => before.same_as(after),
            _ => false,
        };
        let mut way = Way {
            from,
            to,
            changes,
            dropped: from.objects.keys().filter(|key| !same(key)).collect(),
            created: to.objects.keys().filter(|key| !same(key)).collect(),
        };
        way.clear();
        way
    }

    /// Has views and triggers dropped that would be in the way of a table's change, and made again.
    fn clear(&mut self) {
        let changed = |name: &&Name| !matches!(self.changes.get(*name), Some(Change::Indexes));
        let tables = self.from.tables.keys().chain(self.to.tables.keys());
        let mut names: BTreeSet<String> = tables
            .filter(changed)
            .map(|name| name.key().to_owned())
            .collect();
        if names.is_empty() {
            return;
        }
        let objects = self.dropped.iter().chain(&self.created);
        names.extend(objects.map(|key| key.name.key().to_owned()));
        loop {
            let in_the_way = self.from.objects.values().find(|object| {
                object.key.kind != Kind::VirtualTable
                    && !self.dropped.contains(&object.key)
                    && !mentioned(object.definition.as_str(), Sqlite, &names).is_empty()
            });
            let Some(object) = in_the_way else {
                return;
            };
            names.insert(object.key.name.key().to_owned());
            self.dropped.insert(&object.key);
            self.created.insert(&object.key);
        }
    }

    fn drop_objects(&self, steps: &mut Steps) {
        // Triggers before the views that they are on.
        for kind in [Kind::Trigger, Kind::View, Kind::VirtualTable] {
            for key in self.dropped.iter().filter(|key| key.kind == kind) {
                let name = key.name.quoted(Sqlite);
                match kind {
                    Kind::Trigger => steps.run(format!("DROP TRIGGER {name}")),
                    Kind::View => steps.run(format!("DROP VIEW {name}")),
                    _ => {
                        steps.run(format!("DROP TABLE {name}"));
                        steps.note(key, "what it holds is lost");
                    }
                }
            }
        }
    }

    fn drop_indexes(&self, steps: &mut Steps) {
        for (name, change) in &self.changes {
            if matches!(change, Change::Rebuild) {
                continue;
            }
            let (before, after) = (&self.from.tables[*name], &self.to.tables[*name]);
            for (name, index) in &before.indexes {
                if after.indexes.get(name) != Some(index) {
                    steps.run(format!("DROP INDEX {}", name.quoted(Sqlite)));
                }
            }
        }
    }

    fn drop_tables(&self, steps: &mut Steps) {
        let dropped: BTreeSet<&Name> = self
            .from
            .tables
            .keys()
            .filter(|name| !self.to.tables.contains_key(name))
            .collect();
        let created = self
            .to
            .tables
            .keys()
            .any(|name| !self.from.tables.contains_key(name));
        // Those that refer to others go before them.
        for name in ordered(self.from, &dropped).into_iter().rev() {
            steps.run(format!("DROP TABLE {}", name.quoted(Sqlite)));
            let key = self.from.tables[name].key();
            steps.note(&key, "its rows are lost");
            if created {
                steps.note(
                    &key,
                    "if it was renamed, write `ALTER TABLE … RENAME TO …` instead: that cannot be told from dropping one and creating another",
                );
            }
        }
    }

    fn change_tables(&self, steps: &mut Steps) {
        for (name, change) in &self.changes {
            let (before, after) = (&self.from.tables[*name], &self.to.tables[*name]);
            match change {
                Change::Indexes => {}
                Change::Columns => alter(steps, before, after),
                Change::Rebuild => self.rebuild(steps, before, after),
            }
        }
    }

    fn rebuild(&self, steps: &mut Steps, before: &Table, after: &Table) {
        let mut new = format!("new_{}", after.name.as_str());
        let taken = |name: &str| {
            let name = Name::caseless(name);
            [self.from, self.to].iter().any(|schema| {
                schema.tables.contains_key(&name)
                    || schema.objects.keys().any(|key| key.name == name)
                    || schema
                        .tables
                        .values()
                        .any(|table| table.indexes.contains_key(&name))
            })
        };
        while taken(&new) {
            new.push('_');
        }
        let (old, new) = (
            before.name.quoted(Sqlite),
            Name::caseless(&new).quoted(Sqlite),
        );
        let definition = after.definition.as_deref().unwrap_or_default();
        steps.run(renamed(definition, &after.name, &new));
        let kept = after
            .columns
            .iter()
            .filter(|column| column.generated.is_none() && before.column(&column.name).is_some())
            .map(|column| column.name.quoted(Sqlite));
        let kept: Vec<String> = row_number(before, after).into_iter().chain(kept).collect();
        if !kept.is_empty() {
            let kept = kept.join(", ");
            steps.run(format!(
                "INSERT INTO {new} ({kept})\nSELECT {kept} FROM {old}"
            ));
        }
        let numbered = |table: &Table| table.columns.iter().any(|column| column.identity.is_some());
        if numbered(before) && numbered(after) {
            keep_number(steps, &before.name, &new);
        }
        steps.run(format!("DROP TABLE {old}"));
        steps.run(format!(
            "ALTER TABLE {new} RENAME TO {}",
            after.name.quoted(Sqlite)
        ));
        let refers = |table: &Table| {
            table
                .constraints
                .iter()
                .any(|key| key.refers_to.as_ref() == Some(&before.name))
        };
        if self.from.tables.values().any(refers) {
            steps.note(
                before.key(),
                "it is made anew, which is safe while foreign keys are off, as they are when Towpath runs a migration; \
                 with them on, dropping the old table would delete the rows that refer to it, or fail",
            );
        }
        about_columns(steps, before, after);
        about_constraints(steps, before, after);
    }

    fn create_tables(&self, steps: &mut Steps) {
        let created: BTreeSet<&Name> = self
            .to
            .tables
            .keys()
            .filter(|name| !self.from.tables.contains_key(name))
            .collect();
        for name in ordered(self.to, &created) {
            steps.run(self.to.tables[name].definition.clone().unwrap_or_default());
        }
    }

    fn create_indexes(&self, steps: &mut Steps) {
        for (name, table) in &self.to.tables {
            let before = match self.changes.get(name) {
                Some(Change::Indexes | Change::Columns) => self.from.tables.get(name),
                Some(Change::Rebuild) | None => None,
            };
            for (name, index) in &table.indexes {
                if before.and_then(|table| table.indexes.get(name)) != Some(index) {
                    steps.run(index.definition.as_str());
                }
            }
        }
    }

    fn create_objects(&self, steps: &mut Steps) {
        let names: BTreeSet<String> = self
            .created
            .iter()
            .map(|key| key.name.key().to_owned())
            .collect();
        let mut needs: BTreeMap<(Rank, &str), BTreeSet<(Rank, &str)>> = BTreeMap::new();
        let mut created: BTreeMap<(Rank, &str), &Object> = BTreeMap::new();
        for key in &self.created {
            let object = &self.to.objects[*key];
            let needed = mentioned(object.definition.as_str(), Sqlite, &names);
            let needed = needed.into_iter().map(|name| (Rank::View, name.as_str()));
            let own = (Rank::of(key.kind), key.name.key());
            needs.insert(own, needed.filter(|other| *other != own).collect());
            created.insert(own, object);
        }
        for key in sorted(&needs) {
            steps.run(created[&key].definition.as_str());
        }
    }
}

/// The order of kinds of objects where nothing else decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    VirtualTable,
    View,
    Trigger,
}

impl Rank {
    fn of(kind: Kind) -> Rank {
        match kind {
            Kind::VirtualTable => Rank::VirtualTable,
            Kind::View => Rank::View,
            _ => Rank::Trigger,
        }
    }
}

/// Tables, those that others refer to before them.
fn ordered<'a>(schema: &'a Schema, names: &BTreeSet<&'a Name>) -> Vec<&'a Name> {
    let needs = names.iter().map(|name| {
        let keys = schema.tables[*name]
            .constraints
            .iter()
            .filter_map(|key| key.refers_to.as_ref());
        let needed = keys
            .filter_map(|other| names.get(other).copied())
            .filter(|other| other != name);
        (*name, needed.collect())
    });
    sorted(&needs.collect())
}
