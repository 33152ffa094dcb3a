//! A migration and an ordered set of them, as values. Reading them from files is in `layout`.

use std::sync::Arc;

use serde::Serialize;

use crate::{Batches, Contract, Layout, LayoutError, Version, digest};

/// One step of a schema's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Migration {
    /// Its place in the order, unique in its set. A repeatable one is applied again each time it changes.
    pub version: Version,
    /// What its file name says it does.
    pub name: String,
    /// The SQL that applies it.
    pub up: String,
    /// The SQL that undoes it, when there is some.
    pub down: Option<String>,
    /// SHA-256 of `up`'s bytes, in hexadecimal.
    pub checksum: String,
    /// Whether what undoes it runs in one transaction.
    pub down_transactional: bool,
    /// What it does to the code that is already running.
    pub contract: Contract,
    /// How it is cut into ranges of a key, where it is to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batches: Option<Batches>,
    /// Whether it is applied in one transaction.
    pub transactional: bool,
    /// The version as its tool writes it where it keeps text: with the zeros before it. A repeatable one has none.
    #[serde(skip)]
    pub written: String,
    /// The file that applies it, by its path from the migration folder.
    #[serde(skip)]
    pub file: String,
}

impl Migration {
    /// Refuses a contract `after` a version that no migration before it has in `set`, which it is one of.
    pub fn check_after(&self, set: &[Migration]) -> Result<(), LayoutError> {
        Contract::refuse_unknown_after(self, set).map_err(|problem| LayoutError::Contract {
            file: self.file.clone(),
            problem,
        })
    }
}

/// The first of the versions that are made of names: those say nothing to people.
pub(crate) const FIRST_NAMED: i64 = 1 << 52;

/// Whether a version is made of its migration's name.
pub(crate) fn is_named(version: Version) -> bool {
    let number = version.number();
    number.is_some_and(|number| (FIRST_NAMED..FIRST_NAMED * 2).contains(&number))
}

/// Version and name, as messages show them; the name alone where the version is made of it.
pub fn title(version: Version, name: &str) -> String {
    match name {
        _ if version.is_repeatable() => version.to_string(),
        "" => version.to_string(),
        name if is_named(version) => name.to_owned(),
        name => format!("{version} ({name})"),
    }
}

/// A folder's migrations, in order. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationSet {
    layout: Layout,
    migrations: Arc<[Migration]>,
    skipped: Arc<[String]>,
}

impl MigrationSet {
    /// A set from a layout that has refused duplicates. `skipped` are SQL files that its rules leave out.
    pub(crate) fn new(
        layout: Layout,
        mut migrations: Vec<Migration>,
        skipped: Vec<String>,
    ) -> Self {
        // Versions that are made of names have no order.
        if layout != Layout::Command {
            migrations.sort_by_key(|migration| migration.version);
        }
        MigrationSet {
            layout,
            migrations: migrations.into(),
            skipped: skipped.into(),
        }
    }

    /// The layout it was read from; also decides which native table is kept in step.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Those of its migrations that are wanted, such as the ones that are applied somewhere.
    #[must_use]
    pub fn only(&self, wanted: impl Fn(&Migration) -> bool) -> MigrationSet {
        MigrationSet {
            migrations: self
                .migrations
                .iter()
                .filter(|migration| wanted(migration))
                .cloned()
                .collect(),
            ..self.clone()
        }
    }

    /// The migrations, oldest first.
    pub fn migrations(&self) -> &[Migration] {
        &self.migrations
    }

    /// The migration with this version.
    pub fn get(&self, version: impl Into<Version>) -> Option<&Migration> {
        let version = version.into();
        if self.layout == Layout::Command {
            let mut all = self.migrations.iter();
            return all.find(|migration| migration.version == version);
        }
        self.migrations
            .binary_search_by_key(&version, |migration| migration.version)
            .ok()
            .map(|index| &self.migrations[index])
    }

    /// Names of `.sql` files that the layout's rules ignore: worth a warning, since somebody may wait for them.
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// SHA-256 over each migration's version, up and down, in order: the same set has the same digest.
    pub fn digest(&self) -> String {
        let mut text = String::new();
        for migration in self.migrations() {
            let down = migration
                .down
                .as_deref()
                .map(str::as_bytes)
                .map(digest::sha256);
            let down = down.as_deref().unwrap_or("-");
            text += &format!("{} {} {down}\n", migration.version, migration.checksum);
        }
        digest::sha256(text.as_bytes())
    }
}
