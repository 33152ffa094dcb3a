//! Since when each resource is as it is: a small file in the data directory.

use std::{collections::BTreeMap, fs, io, path::PathBuf};

use serde::{Deserialize, Serialize};
use towpath_core::Time;
use towpath_probe::Health;

use crate::{files, home::Home};

/// The file.
pub(super) struct Memory(PathBuf);

/// How a resource was when it was asked last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Was {
    health: String,
    since: Time,
}

impl Memory {
    pub(super) fn of(home: Home) -> Memory {
        Memory(home.root().join("doctor.json"))
    }

    /// Keeps how resources are now; tells since when each is so. What was not asked this time stays.
    pub(super) fn update(
        &self,
        found: BTreeMap<String, Health>,
        now: Time,
    ) -> io::Result<BTreeMap<String, Time>> {
        let mut known: BTreeMap<String, Was> = match fs::read(&self.0) {
            // What is no longer readable is begun anew.
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        let mut since = BTreeMap::new();
        for (place, health) in found {
            let health = health.to_string();
            let was = known.get(&place).filter(|was| was.health == health);
            // A clock that was set back makes nothing begin in the future.
            let begun = was.map_or(now, |was| was.since.min(now));
            since.insert(place.clone(), begun);
            known.insert(
                place,
                Was {
                    health,
                    since: begun,
                },
            );
        }
        let text = serde_json::to_string_pretty(&known).map_err(io::Error::other)?;
        files::replace(&self.0, &text)?;
        Ok(since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_as_it_is_keeps_its_beginning() {
        let directory = tempfile::tempdir().unwrap();
        let memory = Memory(directory.path().join("doctor.json"));
        let ask = |health, at| {
            let found = [("staging/mail".to_owned(), health)].into();
            memory.update(found, Time(at)).unwrap()["staging/mail"].0
        };
        assert_eq!(ask(Health::Green, 1_000), 1_000);
        assert_eq!(ask(Health::Green, 2_000), 1_000);
        assert_eq!(ask(Health::Red, 3_000), 3_000);
        assert_eq!(ask(Health::Red, 2_500), 2_500, "the clock was set back");
        fs::write(&memory.0, "{").unwrap();
        assert_eq!(ask(Health::Red, 4_000), 4_000);
    }
}
