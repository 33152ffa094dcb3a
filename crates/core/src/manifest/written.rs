//! The manifest as written: formats checked, references still unresolved, each beside its place in the text.

use std::{net::SocketAddr, ops::Range, time::Duration};

use super::{
    Acceptance, CommandCheck, Database, FreezeWindow, Handed, Home, NoReturnRule, OnFailure,
    ParityRule, Recipient, Resource, Service, UndoRule, table::At,
};
use crate::config::Type;

/// A name, or a reference to one, and its place.
pub(super) type Name = At<String>;

/// Values by the names of variables.
pub(super) type Variables = Vec<(Name, At<String>)>;

/// A key of configuration as it is declared.
#[derive(Debug)]
pub(super) struct ConfigKey {
    pub(super) name: Name,
    pub(super) value_type: Type,
    pub(super) description: Option<String>,
    pub(super) required: Option<At<bool>>,
    pub(super) default: Option<At<String>>,
    pub(super) example: Option<At<String>>,
    pub(super) values: Option<At<Vec<String>>>,
    pub(super) secret: bool,
    pub(super) services: Option<Vec<Name>>,
    pub(super) handed: Handed,
    pub(super) previous: Option<Name>,
}

#[derive(Debug)]
pub(super) struct Written {
    pub(super) project: Project,
    pub(super) groups: Vec<Group>,
    pub(super) roles: Vec<Role>,
    pub(super) services: Vec<(Name, Service)>,
    pub(super) databases: Vec<WrittenDatabase>,
    pub(super) config: Vec<ConfigKey>,
    pub(super) recipients: Vec<(Name, Recipient)>,
    pub(super) environments: Vec<Environment>,
    pub(super) freezes: Vec<Freeze>,
}

#[derive(Debug)]
pub(super) struct Project {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) cache: Vec<String>,
    pub(super) build_within: Duration,
}

#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: Name,
    pub(super) description: Option<String>,
    pub(super) aliases: Vec<Name>,
    pub(super) homes: Vec<WrittenHome>,
    pub(super) config: Variables,
}

#[derive(Debug)]
pub(super) struct WrittenHome {
    pub(super) name: Name,
    pub(super) environments: Vec<Name>,
    pub(super) part_of: Option<Name>,
    pub(super) home: Home,
}

#[derive(Debug)]
pub(super) struct Role {
    pub(super) name: Name,
    pub(super) members: Vec<String>,
    pub(super) idp_groups: Vec<String>,
    /// Whether it says who holds it, be it wrongly.
    pub(super) has_people: bool,
}

#[derive(Debug)]
pub(super) struct WrittenDatabase {
    pub(super) name: Name,
    /// The span of its `url`, or of its header where that is left out.
    pub(super) url: Range<usize>,
    /// The spans of those keys that are there of the ones that a tool needs.
    pub(super) tool: Vec<(&'static str, Range<usize>)>,
    /// The span of its header.
    pub(super) header: Range<usize>,
    pub(super) database: Database,
}

#[derive(Debug)]
pub(super) struct Environment {
    pub(super) name: Name,
    pub(super) description: Option<String>,
    pub(super) purpose: Option<String>,
    pub(super) url: Option<String>,
    pub(super) audience: Vec<String>,
    pub(super) aliases: Vec<Name>,
    pub(super) group: Option<Name>,
    pub(super) branch: Option<Name>,
    pub(super) after: Vec<Name>,
    pub(super) mirrors: Option<Name>,
    pub(super) parity: Option<At<ParityRule>>,
    pub(super) accept: Vec<At<Acceptance>>,
    pub(super) by_hand: Vec<String>,
    pub(super) used_by: Vec<Name>,
    /// Whether it says how releases come to it, be it wrongly.
    pub(super) has_way_in: bool,
    pub(super) allow: Allow,
    pub(super) test: Vec<CommandCheck>,
    pub(super) smoke: Vec<Http>,
    pub(super) sign_off: Vec<SignOff>,
    pub(super) watch: Option<Watch>,
    pub(super) on_failure: Option<OnFailure>,
    pub(super) keep_warm: Duration,
    pub(super) undo: UndoRule,
    pub(super) no_return: Option<NoReturnRule>,
    pub(super) keep_safe_back: Option<u8>,
    pub(super) require: Vec<String>,
    pub(super) config: Variables,
    pub(super) secrets: Option<String>,
    pub(super) recipients: Vec<Name>,
    pub(super) overrides: Option<Name>,
    pub(super) databases: Vec<EnvironmentDatabase>,
    pub(super) services: Vec<EnvironmentService>,
    pub(super) resources: Vec<EnvironmentResource>,
}

#[derive(Debug, Default)]
pub(super) struct Allow {
    pub(super) deploy: Option<Vec<Name>>,
    pub(super) rollback: Option<Vec<Name>>,
    pub(super) lock: Option<Vec<Name>>,
    pub(super) list_secrets: Option<Vec<Name>>,
    pub(super) read_secrets: Option<Vec<Name>>,
    pub(super) write_secrets: Option<Vec<Name>>,
}

impl Allow {
    /// Every role it names.
    pub(super) fn roles(&self) -> impl Iterator<Item = &Name> {
        let all = [
            &self.deploy,
            &self.rollback,
            &self.lock,
            &self.list_secrets,
            &self.read_secrets,
            &self.write_secrets,
        ];
        all.into_iter().flatten().flatten()
    }
}

/// The service that a check asks.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) service: Option<Name>,
    /// The whole check, where no service is named.
    pub(super) span: Range<usize>,
}

#[derive(Debug)]
pub(super) struct Http {
    pub(super) get: String,
    pub(super) asked: Asked,
    pub(super) expect: u16,
    pub(super) contains: Option<String>,
    pub(super) within: Duration,
}

#[derive(Debug)]
pub(super) struct SignOff {
    pub(super) name: Name,
    pub(super) role: Option<Name>,
    pub(super) within: Duration,
}

#[derive(Debug)]
pub(super) struct Watch {
    pub(super) window: Duration,
    pub(super) probes: Vec<Probe>,
}

#[derive(Debug)]
pub(super) struct Probe {
    pub(super) check: ProbeCheck,
    pub(super) every: Duration,
    pub(super) max_failures: u32,
}

#[derive(Debug)]
pub(super) enum ProbeCheck {
    Http(Http),
    ErrorRatio { asked: Asked, max: f64 },
    Command(CommandCheck),
}

impl Environment {
    /// The service that each of its checks asks.
    pub(super) fn asked(&self) -> impl Iterator<Item = &Asked> {
        let probes = self.watch.iter().flat_map(|watch| &watch.probes);
        let asked = probes.filter_map(|probe| match &probe.check {
            ProbeCheck::Http(http) => Some(&http.asked),
            ProbeCheck::ErrorRatio { asked, .. } => Some(asked),
            ProbeCheck::Command(_) => None,
        });
        self.smoke.iter().map(|http| &http.asked).chain(asked)
    }
}

#[derive(Debug)]
pub(super) struct EnvironmentDatabase {
    pub(super) name: Name,
    pub(super) same_as: Option<Name>,
}

#[derive(Debug)]
pub(super) struct EnvironmentResource {
    pub(super) name: Name,
    pub(super) from: Option<Name>,
    /// Where it is said to be shared, without saying whose it is.
    pub(super) shared: Option<Range<usize>>,
    /// The first key that is written beside `from` or `shared`.
    pub(super) beside: Option<(&'static str, Range<usize>)>,
    pub(super) resource: Resource,
}

#[derive(Debug)]
pub(super) struct EnvironmentService {
    pub(super) name: Name,
    pub(super) listen: Option<At<SocketAddr>>,
    pub(super) config: Variables,
}

#[derive(Debug)]
pub(super) struct Freeze {
    pub(super) name: Name,
    pub(super) reason: Option<String>,
    pub(super) environments: Vec<Name>,
    pub(super) groups: Vec<Name>,
    pub(super) zone: String,
    /// `None` when it is not, or wrongly, written; that has been told.
    pub(super) window: Option<FreezeWindow>,
}
