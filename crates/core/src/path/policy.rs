//! Who may do what: roles, and what an environment allows them.

use serde::{Deserialize, Serialize};

use super::{Actor, Mirrored, Refusal};
use crate::{
    catalogue::SecretKeys,
    manifest::{Allow, Environment, Freeze, GoingBack, Manifest, Role, Roles, SignOffRule},
    names::{EnvironmentName, RoleName},
};

/// The rules of one environment, pinned with a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// The environment.
    pub environment: EnvironmentName,
    /// Who holds which role.
    pub roles: Roles,
    /// Who uses the environment.
    pub used_by: Vec<RoleName>,
    /// Exceptions to that.
    pub allow: Allow,
    /// Where a release must be verified first.
    pub after: Vec<EnvironmentName>,
    /// Windows in which nothing is deployed here.
    pub freezes: Vec<Freeze>,
    /// The signatures that a release needs here, in order.
    pub sign_off: Vec<SignOffRule>,
    /// How closely the environment must be mirrored by those that releases come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parity: Option<Mirrored>,
    /// What going back may do to databases.
    #[serde(default)]
    pub going_back: GoingBack,
    /// Whether its databases must be what their applied migrations make.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_drift: bool,
}

/// Something that only some may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Deploy, promote, retry, cancel.
    Deploy,
    /// Take a release back.
    Rollback,
    /// Lock, hold, and release either.
    Lock,
    /// See which secrets there are.
    ListSecrets,
    /// Read secrets, and run commands with them.
    ReadSecrets,
    /// Set, rotate and remove secrets, and say whose keys open them.
    WriteSecrets,
}

/// What people do to a database by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SchemaWork {
    /// Apply migrations.
    Migrate,
    /// Undo migrations.
    Undo,
    /// Copy it.
    Snapshot,
    /// Put a copy back.
    Restore,
    /// Take over what another tool has applied.
    Adopt,
    /// Say what is true where the schema and its records disagree.
    Settle,
    /// Make it anew.
    Reset,
}

impl SchemaWork {
    /// Whether it leaves another schema than was there.
    pub fn changes(self) -> bool {
        match self {
            SchemaWork::Snapshot | SchemaWork::Adopt => false,
            SchemaWork::Migrate
            | SchemaWork::Undo
            | SchemaWork::Restore
            | SchemaWork::Settle
            | SchemaWork::Reset => true,
        }
    }

    /// The right that it takes.
    pub fn right(self) -> Right {
        match self {
            SchemaWork::Migrate | SchemaWork::Snapshot | SchemaWork::Adopt | SchemaWork::Settle => {
                Right::Deploy
            }
            SchemaWork::Undo | SchemaWork::Restore | SchemaWork::Reset => Right::Rollback,
        }
    }
}

impl Right {
    fn verb(self) -> &'static str {
        match self {
            Right::Deploy => "deploy to",
            Right::Rollback => "roll back",
            Right::Lock => "lock or hold",
            Right::ListSecrets => "list the secrets of",
            Right::ReadSecrets => "read secrets of",
            Right::WriteSecrets => "write secrets of",
        }
    }

    fn key(self) -> &'static str {
        match self {
            Right::Deploy => "deploy",
            Right::Rollback => "rollback",
            Right::Lock => "lock",
            Right::ListSecrets => "list_secrets",
            Right::ReadSecrets => "read_secrets",
            Right::WriteSecrets => "write_secrets",
        }
    }
}

impl Policy {
    /// The rules that a manifest gives an environment.
    pub fn of(manifest: &Manifest, environment: &Environment) -> Policy {
        Policy::beside(manifest, environment, &SecretKeys::default())
    }

    /// Likewise, with what is known of the secret files beside the manifest.
    pub fn beside(manifest: &Manifest, environment: &Environment, secrets: &SecretKeys) -> Policy {
        Policy {
            environment: environment.name.clone(),
            roles: manifest.roles.clone(),
            used_by: environment.used_by.clone(),
            allow: environment.allow.clone(),
            after: environment.after.clone(),
            freezes: manifest
                .freezes
                .iter()
                .filter(|freeze| freeze.environments.contains(&environment.name))
                .cloned()
                .collect(),
            sign_off: environment.sign_off.clone(),
            parity: Mirrored::of(manifest, environment, secrets),
            going_back: environment.going_back,
            no_drift: environment.no_drift,
        }
    }

    /// The signatures that these rules and those in force ask for: a release may ask for more, and drops or eases none.
    pub fn signatures(&self, in_force: Option<&Policy>) -> Vec<SignOffRule> {
        let in_force = in_force.map_or(&[][..], |policy| &policy.sign_off);
        let named = |rules: &[SignOffRule], name: &str| {
            rules.iter().find(|rule| rule.name == name).cloned()
        };
        let own = self.sign_off.iter().map(|rule| SignOffRule {
            role: named(in_force, &rule.name).map_or(rule.role.clone(), |kept| kept.role),
            ..rule.clone()
        });
        let dropped = in_force
            .iter()
            .filter(|kept| named(&self.sign_off, &kept.name).is_none());
        own.chain(dropped.cloned()).collect()
    }

    /// Checks that the actor may do this here. Towpath itself may: it acts on what was decided before.
    pub fn check(&self, actor: &Actor, right: Right) -> Result<(), Refusal> {
        let Actor::Person { email, groups } = actor else {
            return Ok(());
        };
        // A project without roles is one person's: the machine's user may do everything.
        if self.roles.is_empty() {
            return Ok(());
        }
        let allowed = self.allowed(right);
        if allowed
            .iter()
            .any(|role| holds(&self.roles, role, email, groups))
        {
            return Ok(());
        }
        Err(Refusal::NotAllowed {
            who: email.clone(),
            what: format!("{} {}", right.verb(), self.environment),
            help: match allowed {
                [] => format!(
                    "nobody may: name roles in `used_by` or `allow.{}` of [environments.{}]",
                    right.key(),
                    self.environment
                ),
                roles => format!("ask someone who is {}", describe(&self.roles, roles)),
            },
        })
    }

    /// Checks that the actor may sign this.
    pub fn check_signer(&self, actor: &Actor, rule: &SignOffRule) -> Result<(), Refusal> {
        let Actor::Person { email, groups } = actor else {
            return Err(Refusal::NotAllowed {
                who: actor.to_string(),
                what: format!("sign {:?}", rule.name),
                help: "a signature is a person's".into(),
            });
        };
        if self.roles.is_empty() || holds(&self.roles, &rule.role, email, groups) {
            return Ok(());
        }
        Err(Refusal::NotAllowed {
            who: email.clone(),
            what: format!("sign {:?} for {}", rule.name, self.environment),
            help: format!(
                "ask someone who is {}",
                describe(&self.roles, std::slice::from_ref(&rule.role))
            ),
        })
    }

    fn allowed(&self, right: Right) -> &[RoleName] {
        let own = match right {
            Right::Deploy => &self.allow.deploy,
            Right::Rollback => &self.allow.rollback,
            Right::Lock => &self.allow.lock,
            Right::ListSecrets => &self.allow.list_secrets,
            Right::ReadSecrets => &self.allow.read_secrets,
            Right::WriteSecrets => &self.allow.write_secrets,
        };
        own.as_deref().unwrap_or(&self.used_by)
    }

    /// The roles that have a right, with their members, for people.
    pub fn who_may(&self, right: Right) -> String {
        if self.roles.is_empty() {
            return "anyone on this machine".into();
        }
        describe(&self.roles, self.allowed(right))
    }

    /// The people of a role, for people.
    pub fn who_is(&self, role: &RoleName) -> String {
        describe(&self.roles, std::slice::from_ref(role))
    }
}

fn holds(roles: &Roles, role: &RoleName, email: &str, groups: &[String]) -> bool {
    roles.get(role).is_some_and(
        |Role {
             members,
             idp_groups,
         }| {
            members
                .iter()
                .any(|member| member.eq_ignore_ascii_case(email))
                || groups.iter().any(|group| idp_groups.contains(group))
        },
    )
}

fn describe(roles: &Roles, names: &[RoleName]) -> String {
    let one = |name: &RoleName| {
        let people: Vec<String> = roles.get(name).map_or_else(Vec::new, |role| {
            let groups = role.idp_groups.iter().map(|group| format!("group {group}"));
            role.members.iter().cloned().chain(groups).collect()
        });
        match people.as_slice() {
            // A manifest defines the roles that it names: this one is of a rule in force that it drops.
            [] if !roles.contains_key(name) => format!("{name} by the rules in force"),
            [] => format!("{name} (nobody)"),
            people => format!("{name} ({})", people.join(", ")),
        }
    };
    names.iter().map(one).collect::<Vec<_>>().join(" or ")
}
