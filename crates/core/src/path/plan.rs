//! A deployment's plan: its steps in the order of the phases, pinned when the deployment is requested.

use std::{collections::BTreeMap, fmt, net::SocketAddr, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Migration, Policy, Release, Reversal, Standing, State, pending};
use crate::{
    manifest::{
        CommandCheck, Environment, HealthCheck, HttpCheck, Manifest, OnFailure, SignOffRule, Watch,
    },
    names::{DatabaseName, EnvironmentName, ReleaseNumber, ServiceName},
    target::InstanceKey,
    time::as_millis,
};

/// The fixed stations of a deployment, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The gates are asked.
    Admit,
    /// The release's artifacts are made, once.
    Build,
    /// Databases get the release's migrations.
    Migrate,
    /// The environment's configuration is resolved and pinned.
    Configure,
    /// New instances start, and the traffic moves to them.
    Rollout,
    /// A first look at what users see.
    Smoke,
    /// Automated tests against the deployed environment.
    Test,
    /// People look, and sign.
    SignOff,
    /// It is observed under real traffic.
    Watch,
    /// It is verified.
    Settle,
}

impl Phase {
    /// All of them, in order.
    pub const ALL: [Phase; 10] = [
        Phase::Admit,
        Phase::Build,
        Phase::Migrate,
        Phase::Configure,
        Phase::Rollout,
        Phase::Smoke,
        Phase::Test,
        Phase::SignOff,
        Phase::Watch,
        Phase::Settle,
    ];

    /// Its name in text and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Admit => "admit",
            Phase::Build => "build",
            Phase::Migrate => "migrate",
            Phase::Configure => "configure",
            Phase::Rollout => "rollout",
            Phase::Smoke => "smoke",
            Phase::Test => "test",
            Phase::SignOff => "sign-off",
            Phase::Watch => "watch",
            Phase::Settle => "settle",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a deployment exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A release comes to an environment.
    Deploy,
    /// An environment returns to an earlier release.
    Rollback,
    /// The live release is put there again.
    Redeploy,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Kind::Deploy => "deploy",
            Kind::Rollback => "rollback",
            Kind::Redeploy => "redeploy",
        })
    }
}

/// Everything that a deployment will do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Why it exists.
    pub kind: Kind,
    /// Where.
    pub environment: EnvironmentName,
    /// What.
    pub release: ReleaseNumber,
    /// The steps, in order; the last is always `settle`.
    pub steps: Vec<Step>,
    /// What happens when something fails after traffic has moved.
    pub on_failure: OnFailure,
    /// The environment's rules.
    pub policy: Policy,
    /// How the services run.
    pub launch: Launch,
}

/// How a release's services run in an environment; enough to start them again without the repository.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Launch {
    /// Each service.
    pub services: BTreeMap<ServiceName, ServiceLaunch>,
    /// Requests that show that it works.
    pub smoke: Vec<HttpCheck>,
    /// How long the release before stays ready to take the traffic back.
    #[serde(with = "as_millis")]
    pub keep_warm: Duration,
    /// The environment that really keeps each database.
    pub databases: BTreeMap<DatabaseName, EnvironmentName>,
}

/// How one service runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceLaunch {
    /// The command that runs it.
    pub start: String,
    /// Whether there is an artifact beside it.
    pub artifact: bool,
    /// How to tell that it works.
    pub health: HealthCheck,
    /// How many copies run.
    pub instances: u16,
    /// How long a stop waits for it.
    #[serde(with = "as_millis")]
    pub stop_within: Duration,
    /// Where users reach it, when the manifest says so.
    pub listen: Option<SocketAddr>,
}

/// A unit of work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Its name, unique within the plan; part of its attempts' keys.
    pub id: String,
    /// Its phase.
    pub phase: Phase,
    /// What it does.
    pub action: Action,
    /// How long it may take, all its attempts together.
    #[serde(with = "as_millis")]
    pub within: Duration,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Makes the release's artifacts, or checks the ones that are there.
    Build,
    /// Makes the copy of a database that the environment's clone has.
    Clone {
        /// The database.
        database: DatabaseName,
        /// The environment that keeps the one that is copied.
        home: EnvironmentName,
    },
    /// Brings a database to the release's migrations.
    Migrate {
        /// The database.
        database: DatabaseName,
        /// The environment that keeps it.
        home: EnvironmentName,
    },
    /// Undoes migrations of a database, by the down-migrations that were stored when they were applied.
    Undo(Reversal),
    /// Resolves and pins the configuration.
    Configure {
        /// A deployment whose configuration is taken over instead: a rollback undoes configuration too.
        like: Option<crate::Digest>,
    },
    /// Starts a service's instances and waits until they are healthy.
    Start {
        /// The service.
        service: ServiceName,
        /// Instances that may still be running from before.
        reuse: Vec<InstanceKey>,
    },
    /// Moves the traffic of all services at once.
    Switch,
    /// Makes a request.
    Smoke(HttpCheck),
    /// Runs a command against the deployed environment.
    Test(CommandCheck),
    /// Waits for a person's signature.
    SignOff(SignOffRule),
    /// Observes.
    Watch(Watch),
    /// Marks the release as verified.
    Settle,
}

impl Action {
    /// Whether the step touches the environment (a build does not).
    pub fn is_effect(&self) -> bool {
        !matches!(self, Action::Build)
    }
}

impl fmt::Display for Step {
    /// What the step does, in a line for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.action {
            Action::Build => write!(f, "build the artifacts, once for every environment"),
            Action::Migrate { database, home } => {
                write!(
                    f,
                    "bring database {database} of {home} to the release's migrations"
                )
            }
            Action::Clone { database, home } => write!(f, "clone database {database} of {home}"),
            Action::Undo(reversal) => write!(f, "{reversal}"),
            Action::Configure { like: None } => write!(f, "resolve and pin the configuration"),
            Action::Configure { like: Some(_) } => write!(f, "return to the configuration of then"),
            Action::Start { service, reuse } if reuse.is_empty() => {
                write!(f, "start {service} and wait until it is healthy")
            }
            Action::Start { service, .. } => {
                write!(f, "take {service} as it still runs, or start it again")
            }
            Action::Switch => write!(f, "move the traffic"),
            Action::Smoke(check) => write!(f, "GET {} expecting {}", check.get, check.expect),
            Action::Test(check) => write!(f, "run `{}`", check.run),
            Action::SignOff(rule) => write!(f, "wait for {:?}, signed by {}", rule.name, rule.role),
            Action::Watch(watch) => {
                write!(f, "watch for {}: ", crate::time::human(watch.window))?;
                let probes: Vec<String> = watch
                    .probes
                    .iter()
                    .map(|probe| probe.check.to_string())
                    .collect();
                f.write_str(&probes.join(", "))
            }
            Action::Settle => write!(f, "mark the release as verified"),
        }
    }
}

/// Time for steps that have no limit of their own in the manifest.
pub(super) const MIGRATE_WITHIN: Duration = Duration::from_secs(600);
/// Each of its batches has the limits of a statement; that all of them together go on for days is no fault.
const BACKFILL_WITHIN: Duration = Duration::from_secs(7 * 24 * 3600);
const QUICK_WITHIN: Duration = Duration::from_secs(30);
/// What a watch may take beyond its window, for its last probes.
const WATCH_MARGIN: Duration = Duration::from_secs(60);

/// Whether a backfill is to come, or may still be under way: then it is the last that is there.
fn backfills(applied: &[Migration], own: &[Migration]) -> bool {
    let last = applied
        .iter()
        .max_by(|one, other| one.version.cmp(&other.version));
    let mut ahead = pending(applied, own).chain(last);
    ahead.any(|migration| migration.batched)
}

/// The plan that brings a release to an environment, by the release's own manifest.
pub fn plan_deploy(
    state: &State,
    manifest: &Manifest,
    environment: &Environment,
    release: &Release,
) -> Plan {
    let launch = launch(manifest, environment);
    let now = state.environments.get(&environment.name);
    let policy = Policy::beside(manifest, environment, &release.source.secrets);
    let mut steps = Vec::new();
    if !release.source.built_services.is_empty() {
        steps.push(step(
            "build",
            Phase::Build,
            Action::Build,
            manifest.build_within,
        ));
    }
    for (database, home) in &launch.databases {
        let migrations = release.migrations(database);
        if !migrations.is_empty() {
            let declared = manifest.databases.get(database);
            let tool = declared.and_then(|declared| declared.tool.as_ref());
            let action = Action::Migrate {
                database: database.clone(),
                home: home.clone(),
            };
            steps.push(step(
                &format!("migrate-{database}"),
                Phase::Migrate,
                action,
                match (tool, backfills(state.applied(home, database), migrations)) {
                    (Some(tool), _) => tool.within,
                    (None, true) => BACKFILL_WITHIN,
                    (None, false) => MIGRATE_WITHIN,
                },
            ));
        }
    }
    let configure = Action::Configure { like: None };
    steps.push(step("configure", Phase::Configure, configure, QUICK_WITHIN));
    push_rollout(&mut steps, &launch, |_| Vec::new());
    push_smoke(&mut steps, &environment.smoke);
    for (index, check) in environment.test.iter().enumerate() {
        let action = Action::Test(check.clone());
        steps.push(step(
            &format!("test-{}", index + 1),
            Phase::Test,
            action,
            check.within,
        ));
    }
    for rule in policy.signatures(now.and_then(|e| e.in_force.as_ref())) {
        let (id, within) = (format!("sign-{}", rule.name), rule.within);
        steps.push(step(&id, Phase::SignOff, Action::SignOff(rule), within));
    }
    if let Some(watch) = &environment.watch {
        let within = watch.window + WATCH_MARGIN;
        steps.push(step(
            "watch",
            Phase::Watch,
            Action::Watch(watch.clone()),
            within,
        ));
    }
    steps.push(step("settle", Phase::Settle, Action::Settle, QUICK_WITHIN));

    Plan {
        kind: match now.and_then(|e| e.live.as_ref()) {
            Some(live) if live.release == release.number => Kind::Redeploy,
            _ => Kind::Deploy,
        },
        environment: environment.name.clone(),
        release: release.number,
        steps,
        on_failure: environment.on_failure,
        policy,
        launch,
    }
}

/// The plan that returns an environment to how a release stood there before, once this is undone.
pub fn plan_return(standing: &Standing, undo: &[Reversal]) -> Plan {
    let mut steps = Vec::new();
    for reversal in undo {
        steps.push(step(
            &format!("undo-{}", reversal.database),
            Phase::Migrate,
            Action::Undo(reversal.clone()),
            MIGRATE_WITHIN,
        ));
    }
    let like = Action::Configure {
        like: standing.config,
    };
    steps.push(step("configure", Phase::Configure, like, QUICK_WITHIN));
    push_rollout(&mut steps, &standing.launch, |service| {
        standing.instances.get(service).cloned().unwrap_or_default()
    });
    push_smoke(&mut steps, &standing.launch.smoke);
    steps.push(step("settle", Phase::Settle, Action::Settle, QUICK_WITHIN));
    Plan {
        kind: Kind::Rollback,
        environment: standing.policy.environment.clone(),
        release: standing.release,
        steps,
        // The result of a rollback is its own, and is never rolled back.
        on_failure: OnFailure::Hold,
        policy: standing.policy.clone(),
        launch: standing.launch.clone(),
    }
}

fn push_rollout(
    steps: &mut Vec<Step>,
    launch: &Launch,
    reuse: impl Fn(&ServiceName) -> Vec<InstanceKey>,
) {
    for (service, how) in &launch.services {
        let action = Action::Start {
            service: service.clone(),
            reuse: reuse(service),
        };
        // Copying the artifact and starting the process come on top of becoming healthy.
        let within = how.health.within + QUICK_WITHIN;
        steps.push(step(
            &format!("start-{service}"),
            Phase::Rollout,
            action,
            within,
        ));
    }
    if !launch.services.is_empty() {
        steps.push(step("switch", Phase::Rollout, Action::Switch, QUICK_WITHIN));
    }
}

fn push_smoke(steps: &mut Vec<Step>, checks: &[HttpCheck]) {
    for (index, check) in checks.iter().enumerate() {
        let within = check.within + QUICK_WITHIN;
        let action = Action::Smoke(check.clone());
        steps.push(step(
            &format!("smoke-{}", index + 1),
            Phase::Smoke,
            action,
            within,
        ));
    }
}

fn launch(manifest: &Manifest, environment: &Environment) -> Launch {
    let service = |(name, service): (&ServiceName, &crate::manifest::Service)| {
        let launch = ServiceLaunch {
            start: service.start.clone(),
            artifact: service.artifact.is_some(),
            health: service.health.clone(),
            instances: service.instances,
            stop_within: service.stop_within,
            listen: environment.listen.get(name).copied(),
        };
        (name.clone(), launch)
    };
    Launch {
        services: manifest.services.iter().map(service).collect(),
        smoke: environment.smoke.clone(),
        keep_warm: environment.keep_warm,
        databases: manifest
            .databases
            .keys()
            .map(|name| {
                (
                    name.clone(),
                    manifest.database_home(&environment.name, name),
                )
            })
            .collect(),
    }
}

fn step(id: &str, phase: Phase, action: Action, within: Duration) -> Step {
    Step {
        id: id.to_owned(),
        phase,
        action,
        within,
    }
}
