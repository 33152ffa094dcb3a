//! What is told once to who fetches secrets, and the environment it has.

use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    fmt,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// What is told once to who fetches secrets.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long all of one fetch may take.
    pub timeout: Duration,
    /// Where relative paths begin, and where programs run.
    pub base_directory: PathBuf,
    /// How many are asked at once.
    pub concurrency: NonZeroUsize,
    /// The environment that `env://` means, that programs get, and that says where Vault is. The libraries of AWS look
    /// at that of the process themselves.
    pub environment: Environment,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            timeout: Duration::from_secs(30),
            base_directory: ".".into(),
            concurrency: const { NonZeroUsize::new(8).expect("eight is not zero") },
            environment: Environment::of_process(),
        }
    }
}

/// Variables with values, of which only the names are ever shown.
#[derive(Clone, Default)]
pub struct Environment(Arc<BTreeMap<OsString, OsString>>);

impl Environment {
    /// That of this process, as it is now.
    pub fn of_process() -> Self {
        env::vars_os().collect()
    }

    /// The value of a variable.
    pub(super) fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// The value of a variable that says something: empty is as good as absent.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.to_str().filter(|value| !value.is_empty())
    }

    /// Where somebody's own files are.
    pub(super) fn home(&self) -> Option<&Path> {
        self.text("HOME").map(Path::new)
    }

    /// All variables.
    pub(super) fn all(&self) -> &BTreeMap<OsString, OsString> {
        &self.0
    }
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        let variables = variables.into_iter();
        Environment(Arc::new(
            variables
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        ))
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_not_shown() {
        let environment: Environment = [("TOKEN", "hunter2")].into_iter().collect();
        let settings = Settings {
            environment,
            ..Settings::default()
        };
        let shown = format!("{settings:?}");
        assert!(
            shown.contains("TOKEN") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
