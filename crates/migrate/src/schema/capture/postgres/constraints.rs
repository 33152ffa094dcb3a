//! Keys, checks, foreign keys and indexes: which go, which come, in which order.

use std::collections::BTreeSet;

use super::{Way, create_index, names_any, objects, table, word};
use crate::{
    classify::Dialect::Postgres,
    schema::{Constraint, ConstraintKind, Index, Name, Table, capture::Steps},
};

impl<'a> Way<'a> {
    /// Constraints and indexes that go, foreign keys first.
    pub(super) fn drop_constraints(&self, steps: &mut Steps) {
        let mut constraints: Vec<(&Table, &Constraint)> = Vec::new();
        for (before, after) in self.both() {
            let gone = before
                .constraints
                .iter()
                .filter(|constraint| !self.keeps(before, after, constraint));
            constraints.extend(gone.map(|constraint| (before, constraint)));
        }
        constraints.extend(self.in_the_way_of_dropping());
        constraints.sort_by_key(|(_, constraint)| constraint.kind != ConstraintKind::ForeignKey);
        for (table, constraint) in constraints {
            let lost = constraint
                .columns
                .iter()
                .any(|column| self.loses(table, column));
            let name = constraint
                .name
                .as_ref()
                .map(|name| name.quoted_alone(Postgres))
                .unwrap_or_default();
            // With a column goes what it is part of.
            let where_it_is = if lost { "IF EXISTS " } else { "" };
            steps.run(format!(
                "ALTER TABLE {} DROP CONSTRAINT {where_it_is}{name}",
                table.name.quoted(Postgres)
            ));
        }
        for (before, after) in self.both() {
            for index in before
                .indexes
                .values()
                .filter(|index| !self.keeps_index(before, after, index))
            {
                steps.run(format!("DROP INDEX {}", index.name.quoted(Postgres)));
            }
        }
    }

    fn loses(&self, table: &Table, column: &Name) -> bool {
        self.to
            .tables
            .get(&table.name)
            .is_some_and(|after| after.column(column).is_none())
    }

    /// Whether a constraint stays as it is.
    fn keeps(&self, before: &Table, after: &Table, constraint: &Constraint) -> bool {
        let same = |other: &&Constraint| {
            other.name == constraint.name && other.definition == constraint.definition
        };
        let disturbed = self.remade(before, after);
        after.constraints.iter().any(|other| same(&other))
            && !names_any(constraint.definition.as_str(), &disturbed)
            && !constraint
                .refers_to
                .as_ref()
                .is_some_and(|table| self.is_dropped(table))
            && !self.refers_to_changed_key(constraint)
    }

    /// Columns and routines after which what names them has to be made again.
    fn remade(&self, before: &Table, after: &Table) -> Vec<String> {
        let routines = self
            .dropped
            .intersection(&self.created)
            .filter(|key| objects::is_routine(key.kind));
        let columns = table::remade_columns(self, before, after);
        columns
            .into_iter()
            .chain(routines.map(|key| word(&key.name)))
            .collect()
    }

    /// Whether a foreign key leans on a key of another table that goes.
    fn refers_to_changed_key(&self, constraint: &Constraint) -> bool {
        let Some(name) = &constraint.refers_to else {
            return false;
        };
        let (Some(before), Some(after)) = (self.from.tables.get(name), self.to.tables.get(name))
        else {
            return false;
        };
        let keys = |table: &Table| -> BTreeSet<(Option<Name>, String)> {
            let keys = table.constraints.iter().filter(|key| {
                matches!(
                    key.kind,
                    ConstraintKind::PrimaryKey | ConstraintKind::Unique
                )
            });
            keys.map(|key| (key.name.clone(), key.definition.normal().to_owned()))
                .collect()
        };
        let disturbed: Vec<String> = table::remade_columns(self, before, after);
        !keys(before).is_subset(&keys(after)) || !disturbed.is_empty()
    }

    fn keeps_index(&self, before: &Table, after: &Table, index: &Index) -> bool {
        after.indexes.get(&index.name) == Some(index)
            && !names_any(index.definition.as_str(), &self.remade(before, after))
    }

    /// Foreign keys of tables that go, to tables that go before them and to keys that go.
    fn in_the_way_of_dropping(&self) -> Vec<(&'a Table, &'a Constraint)> {
        let order = self.dropped_tables();
        let place = |name: &Name| order.iter().position(|other| *other == name);
        let tables = order.iter().map(|name| &self.from.tables[*name]);
        let keys = tables.flat_map(|table| table.constraints.iter().map(move |key| (table, key)));
        keys.filter(|(table, key)| {
            let other = key.refers_to.as_ref().and_then(place);
            other.is_some_and(|other| Some(other) < place(&table.name))
                || self.refers_to_changed_key(key)
        })
        .collect()
    }

    /// Constraints and indexes of tables, foreign keys last.
    pub(super) fn create_constraints(&self, steps: &mut Steps) {
        let mut keys = Vec::new();
        for (name, after) in &self.to.tables {
            let before = self.from.tables.get(name);
            let kept = |constraint: &Constraint| {
                before.is_some_and(|before| {
                    self.keeps(before, after, constraint)
                        && before.constraints.iter().any(|other| {
                            other.name == constraint.name
                                && other.definition == constraint.definition
                        })
                })
            };
            for constraint in after
                .constraints
                .iter()
                .filter(|constraint| !kept(constraint))
            {
                let foreign = constraint.kind == ConstraintKind::ForeignKey;
                // A new table has its others in its definition.
                if !foreign && before.is_none() && !table::is_partition(after) {
                    continue;
                }
                let text = format!(
                    "ALTER TABLE {} ADD {}",
                    name.quoted(Postgres),
                    table::constraint(constraint)
                );
                if before.is_some() {
                    steps.note(
                        after.key(),
                        format!("{}: this fails while rows break it", constraint.definition),
                    );
                }
                match foreign {
                    true => keys.push(text),
                    false => steps.run(text),
                }
            }
            for index in after.indexes.values() {
                let kept = before.is_some_and(|before| {
                    before.indexes.get(&index.name) == Some(index)
                        && self.keeps_index(before, after, index)
                });
                if !kept {
                    create_index(steps, &after.key(), index);
                }
            }
        }
        keys.into_iter().for_each(|key| steps.run(key));
    }
}
