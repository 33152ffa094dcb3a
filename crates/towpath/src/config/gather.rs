//! What an environment's services or commands find: resolved, then fetched from wherever each value is, all or nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use secrecy::SecretString;
use towpath_core::{
    catalogue::SecretKeys,
    config::{Filled, Given, Resolution, Scope, Source, Unfilled, Values, Why},
    manifest::{Environment, Manifest},
    names::DatabaseName,
};
use towpath_secrets::{
    dotenv,
    file::{Opened, Place, Shut},
    provider::{Providers, Reference, Settings},
    sops::Identities,
};
use zeroize::Zeroizing;

use super::ConfigError;

/// Whose secrets an environment's file holds.
pub fn place_of(manifest: &Manifest, environment: &Environment) -> Place {
    Place {
        project: manifest.project.to_string(),
        environment: environment.name.to_string(),
    }
}

/// The environment's secret file in a work tree.
pub fn secret_path(root: &Path, environment: &Environment) -> PathBuf {
    root.join(environment.secret_file())
}

/// The environment's secret file in a work tree, if there is one.
pub fn shut(
    root: &Path,
    manifest: &Manifest,
    environment: &Environment,
) -> Result<Option<Shut>, ConfigError> {
    let place = place_of(manifest, environment);
    Ok(Shut::read(&secret_path(root, environment), &place)?)
}

/// The names of the secrets in a file.
pub fn names_in(shut: &Shut) -> BTreeSet<String> {
    shut.keys().into_iter().map(str::to_owned).collect()
}

/// The names of the secrets in all files of a work tree; what is wrong with one is not said here.
pub fn secret_keys(root: &Path, manifest: &Manifest) -> SecretKeys {
    let environments = manifest.environments.iter();
    let known = environments.filter_map(|environment| {
        let shut = shut(root, manifest, environment).ok()?;
        let names = shut.as_ref().map(names_in).unwrap_or_default();
        Some((environment.name.clone(), names))
    });
    SecretKeys(known.collect())
}

/// The developer's own values in a work tree, where the environment has any.
pub fn overrides(
    root: &Path,
    manifest: &Manifest,
    environment: &Environment,
) -> Result<BTreeMap<String, SecretString>, ConfigError> {
    let Some(file) = manifest.override_file(environment) else {
        return Ok(BTreeMap::new());
    };
    let path = root.join(file);
    let wrong = |why: String| ConfigError::Overrides {
        path: path.clone(),
        why,
    };
    let text = match fs::read_to_string(&path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(wrong(error.to_string())),
    };
    let entries = dotenv::parse(&text).map_err(|error| wrong(error.to_string()))?;
    // As for everybody who reads such files: the last one wins.
    Ok(entries
        .into_iter()
        .map(|entry| (entry.key, entry.value))
        .collect())
}

/// Values that are known to be somewhere, and not fetched yet.
pub struct Gathered<'a> {
    /// Whose value of each key wins.
    pub resolution: Resolution<'a>,
    environment: &'a Environment,
    shut: Option<Arc<Shut>>,
    path: PathBuf,
}

impl<'a> Gathered<'a> {
    /// Resolves, from a secret file that is not opened. The path is the file's, for messages.
    pub fn of(
        scope: Scope<'a>,
        shut: Option<Shut>,
        overrides: BTreeMap<String, SecretString>,
        path: PathBuf,
    ) -> Gathered<'a> {
        let names = |keys: Vec<&str>| keys.into_iter().map(str::to_owned).collect();
        let given = Given {
            overrides,
            in_file: shut.as_ref().map(names_in).unwrap_or_default(),
            previous: shut
                .as_ref()
                .map(|shut| names(shut.rotating()))
                .unwrap_or_default(),
        };
        Gathered {
            resolution: Resolution::of(scope, &given),
            environment: scope.environment,
            shut: shut.map(Arc::new),
            path,
        }
    }

    /// In a work tree.
    pub fn in_tree(scope: Scope<'a>, root: &Path) -> Result<Gathered<'a>, ConfigError> {
        let shut = shut(root, scope.manifest, scope.environment)?;
        let overrides = overrides(root, scope.manifest, scope.environment)?;
        let path = secret_path(root, scope.environment);
        Ok(Gathered::of(scope, shut, overrides, path))
    }

    /// The secrets that will be read: those of the secret file, and those kept elsewhere.
    pub fn secrets(&self) -> Vec<String> {
        let entries = self.resolution.entries.iter();
        let is_read = |source: &Source| {
            matches!(
                source,
                Source::File(_) | Source::Previous(_) | Source::Reference(_)
            )
        };
        entries
            .filter(|(_, entry)| entry.chosen().is_some_and(|chosen| is_read(&chosen.source)))
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// Fails before anything is read where a value is known to be missing.
    pub fn check(&self) -> Result<(), ConfigError> {
        let unfilled: Vec<Unfilled> = self
            .resolution
            .missing()
            .map(|key| Unfilled {
                key: key.to_owned(),
                why: Why::Missing,
            })
            .collect();
        match unfilled.is_empty() {
            true => Ok(()),
            false => Err(self.unfilled(unfilled)),
        }
    }

    /// Fetches what can be had of some keys, for whoever can do without; and why the secret file was of no use, where it was not.
    pub async fn reach(
        &self,
        keys: &BTreeSet<String>,
        identities: &Identities,
        base: &Path,
    ) -> (BTreeMap<String, Filled>, Option<ConfigError>) {
        let mut values = Values::default();
        let mut trouble = None;
        let in_file = self.resolution.in_file();
        if keys.iter().any(|key| in_file.contains(key.as_str()))
            && let Some(shut) = &self.shut
            && !identities.is_empty()
        {
            match shut.open(identities) {
                Ok(opened) => {
                    let known = |key: &&str| Some(((*key).to_owned(), opened.get(key)?));
                    values.file = in_file.iter().filter_map(known).collect();
                }
                Err(error) => trouble = Some(error.into()),
            }
        }
        match self.fetch(base).await {
            Ok(references) => values.references = references,
            Err(error) => trouble = trouble.or(Some(error)),
        }
        (self.without_asking(keys, &values), trouble)
    }

    /// Likewise, of what is known here already.
    pub fn without_asking(
        &self,
        keys: &BTreeSet<String>,
        values: &Values,
    ) -> BTreeMap<String, Filled> {
        let (mut filled, _) = self.resolution.fill_some(values);
        filled.retain(|key, _| keys.contains(key));
        filled
    }

    fn unfilled(&self, unfilled: Vec<Unfilled>) -> ConfigError {
        let ledger = self.shut.as_ref().and_then(|shut| shut.ledger());
        let lost = unfilled
            .iter()
            .filter(|one| one.why == Why::Missing)
            .find(|one| ledger.is_some_and(|ledger| ledger.keys.contains_key(&one.key)));
        ConfigError::Unfilled {
            environment: self.environment.name.to_string(),
            lost: lost.map(|one| (one.key.clone(), self.path.clone())),
            unfilled,
        }
    }

    /// Fetches every value: all of them, or an error. Relative references are from `base`.
    pub async fn fill(
        &self,
        identities: impl FnOnce() -> Result<Identities, ConfigError>,
        databases: BTreeMap<DatabaseName, String>,
        base: &Path,
    ) -> Result<BTreeMap<String, Filled>, ConfigError> {
        self.check()?;
        let opened = self.opened(identities)?;
        self.fill_with(opened, databases, base).await
    }

    /// Opens the secret file, if anything of it is needed.
    pub fn opened(
        &self,
        identities: impl FnOnce() -> Result<Identities, ConfigError>,
    ) -> Result<Option<Opened>, ConfigError> {
        self.opening(identities)()
    }

    /// Does that, where and when it is called.
    pub fn opening<I>(
        &self,
        identities: I,
    ) -> impl FnOnce() -> Result<Option<Opened>, ConfigError> + use<I>
    where
        I: FnOnce() -> Result<Identities, ConfigError>,
    {
        let is_needed = !self.resolution.in_file().is_empty();
        let (shut, path) = (self.shut.clone(), self.path.clone());
        move || {
            if !is_needed {
                return Ok(None);
            }
            let identities = identities()?;
            match shut {
                Some(shut) if !identities.is_empty() => Ok(Some(shut.open(&identities)?)),
                _ => Err(ConfigError::NoIdentity { path }),
            }
        }
    }

    /// Likewise, of a secret file that is open.
    pub async fn fill_with(
        &self,
        opened: Option<Opened>,
        databases: BTreeMap<DatabaseName, String>,
        base: &Path,
    ) -> Result<BTreeMap<String, Filled>, ConfigError> {
        let mut values = Values {
            databases,
            ..Values::default()
        };
        if let Some(opened) = opened {
            for key in self.resolution.in_file() {
                values
                    .file
                    .extend(opened.get(key).map(|value| (key.to_owned(), value)));
                let previous = opened.previous(key);
                values
                    .previous
                    .extend(previous.map(|value| (key.to_owned(), value)));
            }
        }
        values.references = self.fetch(base).await?;
        self.resolution
            .fill(&values)
            .map_err(|unfilled| self.unfilled(unfilled))
    }

    async fn fetch(&self, base: &Path) -> Result<BTreeMap<String, SecretString>, ConfigError> {
        let mut wanted: BTreeMap<Reference, String> = BTreeMap::new();
        for text in self.resolution.references() {
            let reference = text.parse::<Reference>();
            let reference = reference.map_err(|error| ConfigError::BadReference {
                key: self.key_of(text),
                reference: text.to_owned(),
                why: error.to_string(),
            })?;
            wanted.insert(reference, text.to_owned());
        }
        if wanted.is_empty() {
            return Ok(BTreeMap::new());
        }
        let settings = Settings {
            base_directory: base.to_owned(),
            ..Settings::default()
        };
        let references: BTreeSet<Reference> = wanted.keys().cloned().collect();
        let mut values = BTreeMap::new();
        for (reference, fetched) in Providers::new(settings).fetch(&references).await {
            let text = &wanted[&reference];
            let value = fetched.map_err(|source| ConfigError::Elsewhere {
                key: self.key_of(text),
                reference: text.clone(),
                source,
            })?;
            values.insert(text.clone(), value);
        }
        Ok(values)
    }

    fn key_of(&self, reference: &str) -> String {
        let mut entries = self.resolution.entries.iter();
        let found = entries.find(|(_, entry)| {
            let source = entry.chosen().map(|chosen| &chosen.source);
            matches!(source, Some(Source::Reference(text)) if text == reference)
        });
        found.map(|(key, _)| key.clone()).unwrap_or_default()
    }
}
