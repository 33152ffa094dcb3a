//! What was read from pages, brought together: what is to be written into a manifest.

use std::collections::HashMap;

use super::facts::At;

/// The parts of a manifest that pages tell of.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) groups: Vec<DraftGroup>,
    /// Roles that environments name.
    pub(super) roles: Vec<String>,
    pub(super) databases: Vec<String>,
    pub(super) environments: Vec<DraftEnvironment>,
}

#[derive(Debug)]
pub(super) struct DraftGroup {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) aliases: Vec<String>,
    pub(super) homes: Vec<DraftHome>,
}

#[derive(Debug)]
pub(super) struct DraftHome {
    pub(super) name: String,
    pub(super) title: Option<String>,
    pub(super) description: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) id: Option<String>,
    pub(super) link: Option<String>,
    /// Indices among the environments.
    pub(super) holds: Vec<usize>,
    pub(super) part_of: Option<String>,
}

#[derive(Debug)]
pub(super) struct DraftEnvironment {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) purpose: Option<String>,
    pub(super) url: Option<String>,
    pub(super) audience: Vec<String>,
    pub(super) aliases: Vec<String>,
    /// An index among the groups.
    pub(super) group: Option<usize>,
    /// Whether a table says which group it is in, or that it is in none.
    pub(super) group_is_told: bool,
    pub(super) branch: Option<String>,
    /// The branch that is merged into its own.
    pub(super) merged_from: Option<(String, At)>,
    /// Indices among the environments, as are those below.
    pub(super) after: Vec<usize>,
    pub(super) mirrors: Option<usize>,
    pub(super) by_hand: Vec<String>,
    pub(super) used_by: Vec<String>,
    pub(super) test: Vec<String>,
    /// Names with roles.
    pub(super) sign_off: Vec<(String, String)>,
    pub(super) takes_back: bool,
    /// Databases that are another's.
    pub(super) same_as: Vec<(String, usize)>,
    pub(super) resources: Vec<DraftResource>,
    /// Where each of them is, by name.
    by_name: HashMap<String, usize>,
    /// How many of a name there are.
    copies: HashMap<String, usize>,
    /// What people have to say yet, as comments.
    pub(super) open: Vec<String>,
    /// Where it is mentioned first.
    pub(super) at: At,
}

#[derive(Debug, Clone)]
pub(super) struct DraftResource {
    pub(super) name: String,
    pub(super) title: Option<String>,
    pub(super) description: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) id: Option<String>,
    pub(super) link: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) keys: Vec<String>,
    pub(super) endpoint: Option<String>,
    /// Who declares it, where another one does.
    pub(super) from: Option<usize>,
    /// Who uses it too, by what the page says.
    pub(super) shared_with: Vec<usize>,
    pub(super) at: At,
}

impl DraftEnvironment {
    pub(super) fn new(name: &str, at: At) -> DraftEnvironment {
        DraftEnvironment {
            name: name.to_owned(),
            description: None,
            purpose: None,
            url: None,
            audience: Vec::new(),
            aliases: Vec::new(),
            group: None,
            group_is_told: false,
            branch: None,
            merged_from: None,
            after: Vec::new(),
            mirrors: None,
            by_hand: Vec::new(),
            used_by: Vec::new(),
            test: Vec::new(),
            sign_off: Vec::new(),
            takes_back: false,
            same_as: Vec::new(),
            resources: Vec::new(),
            by_name: HashMap::new(),
            copies: HashMap::new(),
            open: Vec::new(),
            at,
        }
    }

    pub(super) fn resource(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// A name that no resource has, for another one that is called so.
    pub(super) fn free_name(&mut self, name: &str) -> String {
        let stem: String = name.chars().take(50).collect();
        loop {
            let number = self.copies.entry(stem.clone()).or_insert(1);
            *number += 1;
            let free = format!("{stem}-{number}");
            if self.resource(&free).is_none() {
                return free;
            }
        }
    }

    /// One more resource, of a name that none has.
    pub(super) fn add_resource(&mut self, resource: DraftResource) {
        let at = self.resources.len();
        self.by_name.insert(resource.name.clone(), at);
        self.resources.push(resource);
    }
}
