//! Groups, the accounts and projects in them, and which environments are in which.

use super::{
    draft::{DraftGroup, DraftHome},
    facts::{At, HomeFact},
    fields,
    mention::{Mention, name_of},
    resolve::Resolver,
};
use crate::names::is_name;

impl Resolver<'_> {
    /// The groups: those that tables describe, and then those that are only mentioned.
    pub(super) fn name_groups(&mut self) {
        let facts = std::mem::take(&mut self.facts.groups);
        let (listed, mentioned): (Vec<_>, Vec<_>) =
            facts.into_iter().partition(|fact| fact.is_listed);
        for fact in listed.into_iter().chain(mentioned) {
            let is_new = fact.is_listed && self.groups.exact(&fact.mention.name).is_none();
            let found = match is_new {
                true => self.add_group(&fact.mention, &fact.at),
                false => self.group(&fact.mention, &fact.at),
            };
            let Some(group) = found else {
                continue;
            };
            match (&self.draft.groups[group].description, fact.description) {
                (None, Some(description)) => {
                    self.draft.groups[group].description = Some(description);
                }
                (Some(told), Some(other)) if *told != other => {
                    let why = "the group is described in other words already";
                    self.facts.not_understood(&fact.at, &other, why);
                }
                _ => {}
            }
            for alias in fact.aliases.iter().chain(&fact.mention.aliases) {
                let name = name_of(alias);
                let is_own = self.draft.groups[group].name == name
                    || self.draft.groups[group].aliases.contains(&name);
                if is_own {
                    continue;
                }
                match is_name(&name) && self.groups.alias(&name, group) {
                    true => self.draft.groups[group].aliases.push(name),
                    false => {
                        let why = "this cannot be another name for the group";
                        self.facts.not_understood(&fact.at, alias, why);
                    }
                }
            }
        }
    }

    /// The group that is meant; a new one where it has not been mentioned before.
    pub(super) fn group(&mut self, mention: &Mention, at: &At) -> Option<usize> {
        let found = self.groups.find(mention);
        found.or_else(|| self.add_group(mention, at))
    }

    pub(super) fn add_group(&mut self, mention: &Mention, at: &At) -> Option<usize> {
        if !is_name(&mention.name) {
            let why = "a group's name needs letters from a to z";
            self.facts.not_understood(at, &mention.name, why);
            return None;
        }
        let group = self.draft.groups.len();
        self.groups.add(&mention.name, group);
        self.draft.groups.push(DraftGroup {
            name: mention.name.clone(),
            description: None,
            aliases: Vec::new(),
            homes: Vec::new(),
        });
        self.facts.understood(at, format!("group {}", mention.name));
        Some(group)
    }

    /// An account or project.
    pub(super) fn home(&mut self, fact: HomeFact) {
        let Some(group) = self.group(&fact.group, &fact.at) else {
            return;
        };
        let name = match is_name(&fact.name) {
            true => fact.name.clone(),
            false => format!("home-{}", self.draft.groups[group].homes.len() + 1),
        };
        let is_there = |homes: &[DraftHome], name: &str| homes.iter().any(|home| home.name == name);
        if is_there(&self.draft.groups[group].homes, &name) {
            let why = "the group has a home of that name already";
            self.facts.not_understood(&fact.at, &name, why);
            return;
        }
        let mut holds = Vec::new();
        for mention in &fact.holds {
            let exact = self.environments.find(mention);
            // "Production Static" is a part of production.
            let first = mention.name.split('-').next().unwrap_or_default();
            let nearest = || self.environments.find(&Mention::of(first));
            let Some(environment) = exact.or_else(nearest) else {
                continue;
            };
            let theirs = &mut self.draft.environments[environment].group;
            if *theirs.get_or_insert(group) != group {
                let why = "it is in another group";
                self.facts.not_understood(&fact.at, &mention.name, why);
                continue;
            }
            holds.push(environment);
        }
        if fact.is_drawn {
            let drawn = fact.title.as_deref().unwrap_or(&name).to_owned();
            let in_group = self.draft.groups[group].name.clone();
            let note = format!("\"{drawn}\" in the diagram is an account or project of {in_group}");
            self.facts.guessed(&fact.at, note);
        }
        holds.dedup();
        self.draft.groups[group].homes.push(DraftHome {
            name,
            title: fact.title,
            description: fact.description,
            kind: fact.kind,
            id: fact.id,
            link: fact.link.filter(|link| fields::is_link(link)),
            holds,
            part_of: fact.part_of,
        });
    }

    /// Homes are part of others that are there, and of none that is part of them.
    pub(super) fn nest_homes(&mut self) {
        for group in &mut self.draft.groups {
            for at in 0..group.homes.len() {
                let find = |name: &str| group.homes.iter().position(|home| home.name == name);
                let told = group.homes[at].part_of.as_deref().and_then(find);
                let outward = std::iter::successors(told, |outer| {
                    group.homes[*outer].part_of.as_deref().and_then(find)
                });
                if told.is_none() || outward.take(9).count() > 7 {
                    group.homes[at].part_of = None;
                }
            }
        }
    }

    /// An environment that no table puts into a group, and is called like one, is in it.
    pub(super) fn guess_groups(&mut self) {
        for at in 0..self.draft.environments.len() {
            let environment = &self.draft.environments[at];
            if environment.group.is_some() || environment.group_is_told {
                continue;
            }
            let mention = Mention::of(&environment.name);
            if let Some(group) = self.groups.find(&mention) {
                let note = format!(
                    "{} is in the group {}, by its name",
                    environment.name, self.draft.groups[group].name
                );
                let at_page = environment.at.clone();
                self.draft.environments[at].group = Some(group);
                self.facts.guessed(&at_page, note);
            }
        }
    }
}
