//! Lints: what a valid manifest had better not say, on a given day. They are no part of `parse`: what was accepted ends
//! with a day, and no deployment may stop because a day has come.

mod acceptances;
mod kinds;
mod people;
mod resources;
mod sharing;

use std::collections::{BTreeMap, HashMap};

use jiff::{ToSpan, civil::Date};

use super::{
    Acceptance, Acceptances, Accepted, Manifest, places::Places, report::Report, suggest::quoted,
};
use crate::names::{EnvironmentName, GroupName};

/// A manifest, looked at on a day.
struct Look<'a> {
    manifest: &'a Manifest,
    places: &'a Places,
    /// The place of each environment among them.
    index: HashMap<&'a EnvironmentName, usize>,
    /// Whether each environment serves end users.
    production: Vec<bool>,
    /// What each environment accepts.
    accepted: Vec<Acceptances<'a>>,
    today: Date,
    report: &'a Report,
}

/// Adds every lint of a valid manifest.
pub(super) fn manifest(manifest: &Manifest, places: &Places, today: Date, report: &Report) {
    let look = Look::at(manifest, places, today, report);
    let told = sharing::check(&look);
    resources::check(&look);
    people::check(&look);
    acceptances::check(&look, &told);
}

impl<'a> Look<'a> {
    fn at(manifest: &'a Manifest, places: &'a Places, today: Date, report: &'a Report) -> Look<'a> {
        let groups: BTreeMap<&GroupName, bool> = manifest
            .groups
            .iter()
            .map(|(name, group)| (name, group.is_production(name)))
            .collect();
        let environments = &manifest.environments;
        let in_production = |group: &Option<GroupName>| {
            group
                .as_ref()
                .is_some_and(|group| groups.get(group) == Some(&true))
        };
        Look {
            manifest,
            places,
            index: environments
                .iter()
                .enumerate()
                .map(|(at, e)| (&e.name, at))
                .collect(),
            production: environments
                .iter()
                .map(|e| in_production(&e.group))
                .collect(),
            accepted: environments
                .iter()
                .map(|e| Acceptances::of(&e.accept))
                .collect(),
            today,
            report,
        }
    }

    fn name(&self, at: usize) -> &'a str {
        self.manifest.environments[at].name.as_str()
    }

    /// Whether an environment accepts something today.
    fn accepted(&self, at: usize, name: &str) -> Accepted<'a> {
        self.accepted[at].find(name, self.today)
    }

    /// How an environment accepts something: the line to write, or the one to change.
    fn how_to_accept(&self, at: usize, name: &str, ended: Option<&Acceptance>) -> String {
        let environment = self.name(at);
        if let Some(ended) = ended {
            return format!(
                "ask {} whether it still has to be so, and set `until` of {} in `accept` of [environments.{environment}] to a later day",
                quoted(&ended.owner),
                quoted(&ended.difference)
            );
        }
        let until = self.today.saturating_add(30.days());
        let entry = format!(
            "{{ difference = \"{name}\", reason = \"…\", owner = \"…\", until = \"{until}\" }}"
        );
        match self.manifest.environments[at].accept.is_empty() {
            true => format!(
                "accept it for a time: `accept = [{entry}]` in [environments.{environment}]"
            ),
            false => format!(
                "accept it for a time: add `{entry}` to `accept` of [environments.{environment}]"
            ),
        }
    }
}
