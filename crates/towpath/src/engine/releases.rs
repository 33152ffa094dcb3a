//! Cutting releases: everything about a commit that a release keeps is read here, once.

use std::collections::{BTreeMap, BTreeSet};

use towpath_core::{
    MigrationVersion,
    catalogue::SecretKeys,
    manifest::{self, DatabaseEngine, Manifest, MigrationLayout},
    names::{DatabaseName, ReleaseNumber},
    path::{Actor, Command, Commit, Contract, ContractSource, Migration, Release, Source},
};
use towpath_migrate::{
    Contract as Declared, ContractKind, Layout, LayoutError, MigrationSet, Version,
    classify::{Dialect, classify_all},
    layout::{self, command},
};
use towpath_secrets::file::Shut;

use super::{Engine, EngineError};
use crate::config::{names_in, place_of};

impl Engine {
    /// The release of a commit, cut now unless it was before. The commit must be in our copy of the repository.
    pub async fn cut(&self, actor: &Actor, commit: &Commit) -> Result<Release, EngineError> {
        let source = self.source_of(commit).await?;
        let command = Command::Cut {
            source: Box::new(source.clone()),
        };
        let written = self.write(actor, &[command], None).await?;
        let number = towpath_core::path::cut_before(&written.state, &source);
        number
            .and_then(|number| written.state.releases.get(&number).cloned())
            .ok_or_else(|| EngineError::Manifest("the release was not kept".into()))
    }

    /// What a release of a commit would be made from. Its manifest is kept, so that nothing later needs the repository.
    pub async fn source_of(&self, commit: &Commit) -> Result<Source, EngineError> {
        let text = self
            .mirror
            .file(commit, "towpath.toml")
            .await?
            .ok_or_else(|| {
                EngineError::Manifest(format!(
                    "commit {} has no towpath.toml at its root",
                    commit.short()
                ))
            })?;
        let text = String::from_utf8(text)
            .map_err(|_| EngineError::Manifest("towpath.toml is not UTF-8".into()))?;
        let parsed = manifest::parse(&text, "towpath.toml").map_err(|problems| {
            let lines: Vec<String> = problems.iter().map(|problem| problem.one_line()).collect();
            EngineError::Manifest(format!(
                "the manifest of commit {} is not valid:\n  {}",
                commit.short(),
                lines.join("\n  ")
            ))
        })?;
        let path = self
            .home
            .manifests()
            .join(format!("{}.toml", parsed.digest));
        self.home.keep(&path, text.as_bytes())?;

        let about = self.mirror.about(commit).await?;
        Ok(Source {
            commit: commit.clone(),
            tree: about.tree,
            author: about.author,
            subject: about.subject,
            parents: about.parents,
            manifest: parsed.digest,
            migrations: self.migrations_of(commit, &parsed.manifest).await?,
            secrets: self.secrets_of(commit, &parsed.manifest).await,
            built_services: parsed
                .manifest
                .services
                .iter()
                .filter(|(_, service)| service.build.is_some() || service.artifact.is_some())
                .map(|(name, _)| name.clone())
                .collect(),
        })
    }

    /// A release by its number.
    pub async fn release(&self, number: ReleaseNumber) -> Result<Option<Release>, EngineError> {
        Ok(self.store.release(number).await?)
    }

    /// The names of the secrets in the files of a commit: what is wrong with one is said when it is needed.
    async fn secrets_of(&self, commit: &Commit, manifest: &Manifest) -> SecretKeys {
        let mut all = SecretKeys::default();
        for environment in &manifest.environments {
            let file = environment.secret_file();
            let found = match self.mirror.file(commit, &file).await {
                Ok(None) => Some(BTreeSet::new()),
                Ok(Some(bytes)) => {
                    let shut = Shut::of(&bytes, file.as_ref(), &place_of(manifest, environment));
                    shut.ok().map(|shut| names_in(&shut))
                }
                // A directory, or nothing that git can tell.
                Err(_) => None,
            };
            let name = environment.name.clone();
            all.0.extend(found.map(|found| (name, found)));
        }
        all
    }

    async fn migrations_of(
        &self,
        commit: &Commit,
        manifest: &Manifest,
    ) -> Result<BTreeMap<DatabaseName, Vec<Migration>>, EngineError> {
        let mut all = BTreeMap::new();
        for (name, database) in &manifest.databases {
            let Some(directory) = &database.migrations else {
                continue;
            };
            let layout = layout_of(database.layout);
            let set = self.migration_set(commit, directory, layout).await?;
            self.refuse_unknown_after(name, &set, directory).await?;
            let dialect = dialect_of(database.engine);
            all.insert(name.clone(), references(set.migrations(), &set, dialect));
        }
        Ok(all)
    }

    /// Refuses a contract `after` a version that no earlier migration has. One that a release has brought already stays as
    /// it is: an applied file must not change.
    async fn refuse_unknown_after(
        &self,
        name: &DatabaseName,
        set: &MigrationSet,
        directory: &str,
    ) -> Result<(), EngineError> {
        let all = set.migrations();
        let refused = all
            .iter()
            .filter_map(|one| Some((one, one.check_after(all).err()?)));
        let refused: Vec<_> = refused.collect();
        if refused.is_empty() {
            return Ok(());
        }
        let state = self.store.state().await?;
        let is_new = |migration: &towpath_migrate::Migration| {
            let reference = version(migration.version);
            let mut brought = state.releases.values().flat_map(|one| one.migrations(name));
            brought.all(|one| one.version != reference || one.checksum != migration.checksum)
        };
        match refused.iter().find(|(migration, _)| is_new(migration)) {
            Some((_, error)) => Err(unreadable(error, directory)),
            None => Ok(()),
        }
    }

    /// The migrations in a directory of a commit, read from git's objects.
    pub async fn migration_set(
        &self,
        commit: &Commit,
        directory: &str,
        layout: Layout,
    ) -> Result<MigrationSet, EngineError> {
        if layout == Layout::Command {
            return self.tools_set(commit, directory).await;
        }
        let mut files = Vec::new();
        let names = self.mirror.files(commit, directory).await?;
        for name in names.into_iter().filter(|name| layout.looks_at(name)) {
            let path = format!("{}/{name}", directory.trim_end_matches('/'));
            if let Some(bytes) = self.mirror.file(commit, &path).await? {
                files.push((name, bytes));
            }
        }
        layout::parse(layout, files).map_err(|error| unreadable(&error, directory))
    }

    /// The migrations of a project's own tool: a directory, or a pattern of files.
    async fn tools_set(
        &self,
        commit: &Commit,
        migrations: &str,
    ) -> Result<MigrationSet, EngineError> {
        let wanted = command::Files::of(migrations);
        let folder = wanted.folder();
        let mut files = Vec::new();
        for name in self.mirror.files(commit, &folder).await? {
            let path = match folder.as_str() {
                "" => name,
                folder => format!("{folder}/{name}"),
            };
            if wanted.has(&path)
                && let Some(bytes) = self.mirror.file(commit, &path).await?
            {
                files.push((path, bytes));
            }
        }
        command::parse(files).map_err(|error| unreadable(&error, migrations))
    }
}

fn unreadable(error: &LayoutError, directory: &str) -> EngineError {
    let remedy = error.remedy();
    EngineError::Manifest(format!("could not {error} (in {directory}): {remedy}"))
}

/// How migrations lie, in the words of whoever applies them.
pub fn layout_of(layout: MigrationLayout) -> Layout {
    match layout {
        MigrationLayout::Sqlx => Layout::Sqlx,
        MigrationLayout::GolangMigrate => Layout::GolangMigrate,
        MigrationLayout::Dbmate => Layout::Dbmate,
        MigrationLayout::Goose => Layout::Goose,
        MigrationLayout::Flyway => Layout::Flyway,
        MigrationLayout::Refinery => Layout::Refinery,
        MigrationLayout::Diesel => Layout::Diesel,
        MigrationLayout::Command => Layout::Command,
    }
}

/// Whose SQL an engine's migrations are written in.
pub fn dialect_of(engine: DatabaseEngine) -> Dialect {
    match engine {
        DatabaseEngine::Sqlite => Dialect::Sqlite,
        DatabaseEngine::Postgres => Dialect::Postgres,
        DatabaseEngine::Mysql => Dialect::Mysql,
    }
}

/// Migrations of a set as a release keeps them: each with the contract that it declares, or else with the one that its
/// statements amount to.
pub fn references<'a>(
    migrations: impl IntoIterator<Item = &'a towpath_migrate::Migration>,
    set: &MigrationSet,
    dialect: Dialect,
) -> Vec<Migration> {
    let migrations: Vec<_> = migrations.into_iter().collect();
    let read = migrations.iter().filter(|migration| is_read(migration));
    let read: Vec<&str> = read.map(|migration| migration.up.as_str()).collect();
    let mut read = classify_all(&read, dialect).into_iter();
    let references = migrations.into_iter().map(|migration| {
        let derived = match is_read(migration) {
            true => read.next().map(|read| read.proposal()),
            false => None,
        };
        reference(migration, set, derived)
    });
    references.collect()
}

/// Whether its contract is what its statements amount to. In another language than SQL, nothing is read.
fn is_read(migration: &towpath_migrate::Migration) -> bool {
    migration.contract.kind == ContractKind::Unknown && migration.file.ends_with(".sql")
}

fn reference(
    migration: &towpath_migrate::Migration,
    set: &MigrationSet,
    derived: Option<Declared>,
) -> Migration {
    let (word, source) = match derived {
        Some(derived) => (derived, ContractSource::Derived),
        None => (migration.contract.clone(), ContractSource::Declared),
    };
    let after = word.after.map(version);
    let of_name = after.as_ref().filter(|after| after.is_of_name());
    let earlier = of_name.and(word.after).and_then(|after| set.get(after));
    Migration {
        version: version(migration.version),
        name: migration.name.clone(),
        checksum: migration.checksum.clone(),
        contract: contract(word.kind),
        after,
        after_name: earlier.map(|earlier| earlier.name.clone()),
        source,
        because: word.because,
        reversible: migration.down.is_some(),
        batched: migration.batches.is_some(),
    }
}

/// A migration as a database keeps it, with the contract that was recorded when it was applied.
pub fn recorded(receipt: &towpath_migrate::Receipt) -> Migration {
    Migration {
        version: version(receipt.version),
        name: receipt.name.clone(),
        checksum: receipt.checksum.clone(),
        contract: contract(receipt.contract.kind),
        after: receipt.contract.after.map(version),
        after_name: None,
        source: ContractSource::Declared,
        because: receipt.contract.because.clone(),
        reversible: receipt.down.is_some(),
        batched: false,
    }
}

/// A migration's version in the path's terms.
fn version(version: Version) -> MigrationVersion {
    MigrationVersion::new(&version.to_string())
}

/// A migration's contract in the path's terms.
pub fn contract(kind: ContractKind) -> Contract {
    match kind {
        ContractKind::Expand => Contract::Expand,
        ContractKind::Contract => Contract::Contract,
        ContractKind::Data => Contract::Data,
        ContractKind::Irreversible => Contract::Irreversible,
        _ => Contract::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use towpath_migrate::layout::parse;

    use super::*;

    fn all_of(files: &[(&str, &str)]) -> Vec<Migration> {
        let files = files
            .iter()
            .map(|(name, sql)| (*name, sql.as_bytes().to_vec()));
        let set = parse(Layout::Sqlx, files).unwrap();
        let dialect = dialect_of(DatabaseEngine::Sqlite);
        references(set.migrations(), &set, dialect)
    }

    #[test]
    fn what_is_declared_is_kept_and_what_is_not_is_read() {
        let all = all_of(&[
            ("1_a.sql", "CREATE TABLE trips (said TEXT, mood TEXT);"),
            (
                "2_b.up.sql",
                "ALTER TABLE trips RENAME COLUMN said TO told;",
            ),
            (
                "2_b.down.sql",
                "ALTER TABLE trips RENAME COLUMN told TO said;",
            ),
            (
                "3_c.sql",
                "-- towpath: contract after 2 because 2 stopped using it\nALTER TABLE trips DROP COLUMN mood;",
            ),
            ("4_d.sql", "FROBNICATE trips;"),
            ("5_e.sql", "-- towpath: expand\nDROP TABLE trips;"),
        ]);
        let told = |migration: &Migration| {
            let source = match migration.source {
                ContractSource::Declared => "declared",
                ContractSource::Derived => "derived",
            };
            let after = migration.after.as_ref().and_then(MigrationVersion::number);
            (migration.contract, after, source, migration.reversible)
        };
        let expected = [
            (Contract::Expand, None, "derived", false),
            (Contract::Contract, None, "derived", true),
            (Contract::Contract, Some(2), "declared", false),
            (Contract::Unknown, None, "derived", false),
            (Contract::Expand, None, "declared", false),
        ];
        assert_eq!(all.iter().map(told).collect::<Vec<_>>(), expected);
        let because = |at: usize| all[at].because.as_deref();
        assert!(because(1).unwrap().contains("said"), "{:?}", because(1));
        assert_eq!(because(2), Some("2 stopped using it"));
        assert_eq!(because(4), None);
    }
}
