//! The objects that the same migration has created: no running code uses them yet, so they may change freely.

use std::collections::{HashMap, HashSet};

use sqlparser::ast::{Ident, ObjectName};

use super::Dialect;

/// What an earlier statement of the file created, under the names that later statements use.
#[derive(Debug)]
pub(super) struct Created {
    dialect: Dialect,
    /// Each under its kind.
    objects: HashSet<(Kind, String)>,
    /// Columns added to tables that were there before.
    columns: HashSet<(String, String)>,
    /// Tables whose rows were copied into a table of this file; whether all rows and columns were.
    copied: HashMap<String, bool>,
}

/// Objects of different kinds may share a name. Routines are left out: several may share one, told apart by arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Table,
    View,
    Type,
    Index,
    Trigger,
    Sequence,
}

impl Created {
    pub(super) fn new(dialect: Dialect) -> Created {
        Created {
            dialect,
            objects: HashSet::new(),
            columns: HashSet::new(),
            copied: HashMap::new(),
        }
    }

    pub(super) fn add(&mut self, kind: Kind, name: &ObjectName) {
        let key = self.key(name);
        self.objects.insert((kind, key));
    }

    pub(super) fn has(&self, kind: Kind, name: &ObjectName) -> bool {
        self.objects.contains(&(kind, self.key(name)))
    }

    /// Forgets an object; the next one of that name may be another's.
    pub(super) fn remove(&mut self, kind: Kind, name: &ObjectName) {
        let key = self.key(name);
        self.columns.retain(|(table, _)| *table != key);
        self.objects.remove(&(kind, key));
    }

    pub(super) fn rename(&mut self, kind: Kind, from: &ObjectName, to: &ObjectName) {
        if self.has(kind, from) {
            self.remove(kind, from);
            self.add(kind, to);
        }
    }

    pub(super) fn add_column(&mut self, table: &ObjectName, column: &Ident) {
        let key = (self.key(table), self.part(column));
        self.columns.insert(key);
    }

    /// Forgets a column; the next one of that name may be another.
    pub(super) fn remove_column(&mut self, table: &ObjectName, column: &Ident) {
        let key = (self.key(table), self.part(column));
        self.columns.remove(&key);
    }

    pub(super) fn has_column(&self, table: &ObjectName, column: &Ident) -> bool {
        self.columns.contains(&(self.key(table), self.part(column)))
    }

    /// Whether two names in statements mean the same column.
    pub(super) fn same(&self, one: &Ident, other: &Ident) -> bool {
        self.part(one) == self.part(other)
    }

    pub(super) fn copied(&mut self, from: &ObjectName, whole: bool) {
        let key = self.key(from);
        self.copied.insert(key, whole);
    }

    /// Whether the table's rows were copied into one of this file, and whether all of them with all columns.
    pub(super) fn copy_of(&self, table: &ObjectName) -> Option<bool> {
        self.copied.get(&self.key(table)).copied()
    }

    /// Forgets everything: names mean other objects from here on, or what was done is undone.
    pub(super) fn clear(&mut self) {
        self.objects.clear();
        self.columns.clear();
        self.copied.clear();
    }

    /// A name as the database compares it. PostgreSQL folds what is not quoted, SQLite everything, and MySQL's answer
    /// depends on the file system, so there nothing is folded. With a schema and without it, a name may mean two objects:
    /// a temporary table hides the one in `public` or `main`.
    fn key(&self, name: &ObjectName) -> String {
        let parts: Vec<String> = name
            .0
            .iter()
            .map(|part| match part.as_ident() {
                Some(ident) => self.part(ident),
                None => part.to_string(),
            })
            .collect();
        // A quoted name may hold a dot.
        parts.join("\0")
    }

    fn part(&self, ident: &Ident) -> String {
        match self.dialect {
            Dialect::Postgres if ident.quote_style.is_some() => ident.value.clone(),
            Dialect::Postgres | Dialect::Sqlite => ident.value.to_ascii_lowercase(),
            Dialect::Mysql => ident.value.clone(),
        }
    }
}
