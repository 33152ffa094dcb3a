//! What a test says in one line: cut, deploy, pass, fail, sign, go on until a step.

use std::collections::BTreeMap;

use super::{
    sim::Sim,
    world::{lee, olga, quinn, source, towpath},
};
use crate::{
    Digest,
    manifest::Environment,
    names::{DeploymentNumber, EnvironmentName, ReleaseNumber},
    path::{
        Action, Actor, BuiltArtifact, Command, Deployment, Drift, End, EnvironmentState, Event,
        Events, Kind, Look, Migration, Next, Outcome, Plan, Policy, Receipt, Refusal, Release,
        Sought, Status, Trigger, Waiting, next, plan_deploy, plan_return, rollback_way,
    },
    target::InstanceKey,
};

/// The deployment that events request.
pub fn requested(events: &Events) -> Option<DeploymentNumber> {
    events
        .iter()
        .find_map(|(stream, event)| match (stream, event) {
            (crate::journal::Stream::Deployment(number), Event::Requested { .. }) => Some(*number),
            _ => None,
        })
}

pub fn passed(receipt: Receipt) -> Outcome {
    Outcome::Passed {
        detail: "as it should".into(),
        receipt,
    }
}

pub fn failed(finding: &str) -> Outcome {
    Outcome::Failed {
        finding: finding.into(),
    }
}

pub fn errored(cause: &str) -> Outcome {
    Outcome::Errored {
        cause: cause.into(),
        transient: true,
    }
}

impl Sim {
    /// A new release, from the manifest as it is now.
    pub fn cut(&mut self, migrations: &[Migration]) -> ReleaseNumber {
        let n = self.state.last_release + 1;
        let source = Box::new(source(n, &self.manifest, migrations));
        self.command(&towpath(), Command::Cut { source }).unwrap();
        let number = ReleaseNumber(n);
        self.manifests.insert(number, self.manifest.clone());
        number
    }

    pub fn env(&self, name: &str) -> EnvironmentState {
        self.state.environment(&name.parse().unwrap())
    }

    pub fn release(&self, number: ReleaseNumber) -> &Release {
        &self.state.releases[&number]
    }

    pub fn deployment(&self, number: DeploymentNumber) -> &Deployment {
        &self.state.deployments[&number]
    }

    /// Whether a release is verified somewhere.
    pub fn is_verified(&self, release: ReleaseNumber, name: &str) -> bool {
        let name: EnvironmentName = name.parse().unwrap();
        self.release(release).verified.contains_key(&name)
    }

    /// What serves there.
    pub fn live(&self, name: &str) -> Option<ReleaseNumber> {
        self.env(name).live.map(|live| live.release)
    }

    /// The rules that the manifest of now gives an environment.
    pub fn policy(&self, name: &str) -> Box<Policy> {
        let environment = self.manifest.environment(name).unwrap();
        Box::new(Policy::of(&self.manifest, environment))
    }

    pub fn plan(&self, name: &str, release: ReleaseNumber) -> Plan {
        let manifest = &self.manifests[&release];
        let environment: &Environment = manifest.environment(name).unwrap();
        plan_deploy(&self.state, manifest, environment, self.release(release))
    }

    pub fn request(
        &mut self,
        actor: &Actor,
        plan: Plan,
        trigger: Trigger,
    ) -> Result<DeploymentNumber, Refusal> {
        let plan = Box::new(plan);
        let events = self.command(actor, Command::Request { plan, trigger })?;
        Ok(requested(&events).unwrap())
    }

    /// A person deploys.
    pub fn deploy(
        &mut self,
        actor: &Actor,
        name: &str,
        release: ReleaseNumber,
    ) -> Result<DeploymentNumber, Refusal> {
        self.request(actor, self.plan(name, release), Trigger::Person)
    }

    /// A branch moves.
    pub fn push(
        &mut self,
        name: &str,
        release: ReleaseNumber,
    ) -> Result<DeploymentNumber, Refusal> {
        let branch = "some/branch".into();
        self.request(
            &towpath(),
            self.plan(name, release),
            Trigger::Push { branch },
        )
    }

    /// A person rolls back, to wherever that leads.
    pub fn rollback(&mut self, actor: &Actor, name: &str) -> Result<DeploymentNumber, Refusal> {
        let name: EnvironmentName = name.parse().unwrap();
        let plan = self.way(&name)?;
        assert_eq!(plan.kind, Kind::Rollback);
        self.request(actor, plan, Trigger::Person)
    }

    /// The plan of a rollback that names no release.
    pub fn way(&self, name: &EnvironmentName) -> Result<Plan, Refusal> {
        let way = rollback_way(&self.state, name)?;
        Ok(plan_return(way.standing, &way.undo))
    }

    pub fn next(&self, number: DeploymentNumber) -> Next {
        next(&self.state, number, self.now)
    }

    /// Ends the attempt that runs.
    pub fn finish(&mut self, number: DeploymentNumber, outcome: Outcome) {
        let attempt = self.deployment(number).attempt();
        let key = attempt.expect("an attempt that runs").key.clone();
        let command = Command::EndAttempt {
            deployment: number,
            key,
            outcome,
        };
        self.command(&towpath(), command).unwrap();
        self.advance(number);
    }

    /// The attempt that runs passes, with the receipt that its step leaves.
    pub fn pass(&mut self, number: DeploymentNumber) {
        let receipt = self.receipt(number);
        self.finish(number, passed(receipt));
    }

    /// What the step that runs leaves when it passes.
    pub fn receipt(&self, number: DeploymentNumber) -> Receipt {
        let deployment = self.deployment(number);
        if deployment.status == Status::Undoing {
            return Receipt::Nothing;
        }
        let release = self.release(deployment.plan.release);
        let environment = &deployment.plan.environment;
        match &deployment.current().unwrap().0.action {
            Action::Build => Receipt::Built {
                artifacts: artifacts(release),
            },
            Action::Clone { database, home } => Receipt::Migrated {
                database: database.clone(),
                home: environment.clone(),
                fresh: 0,
                schema: String::new(),
                applied: self.state.applied(home, database).to_vec(),
            },
            Action::Migrate { database, home } => {
                let mut applied = self
                    .env(home.as_str())
                    .schema
                    .remove(database)
                    .unwrap_or_default();
                for migration in &release.source.migrations[database] {
                    if !applied.iter().any(|a| a.version == migration.version) {
                        applied.push(migration.clone());
                    }
                }
                Receipt::Migrated {
                    database: database.clone(),
                    home: home.clone(),
                    fresh: 0,
                    schema: String::new(),
                    applied,
                }
            }
            Action::Undo(reversal) => {
                let (home, database) = (&reversal.home, &reversal.database);
                let is_left = |applied: &Migration| {
                    let mut undone = reversal.migrations.iter();
                    undone.all(|undone| undone.version != applied.version)
                };
                let applied = self.state.applied(home, database).iter().cloned();
                Receipt::Migrated {
                    database: database.clone(),
                    home: home.clone(),
                    fresh: 0,
                    schema: String::new(),
                    applied: applied.filter(is_left).collect(),
                }
            }
            Action::Configure { like } => {
                let own = (environment, release.number);
                let config = like.unwrap_or_else(|| Digest::of_value(&own));
                Receipt::Configured { config }
            }
            Action::Start { service, .. } => {
                let origin = number.to_string();
                let key = InstanceKey::new(environment, service, release.number, &origin, 1);
                Receipt::Started {
                    service: service.clone(),
                    instances: vec![key],
                }
            }
            Action::Switch => Receipt::Switched {
                addresses: BTreeMap::new(),
            },
            Action::Smoke(_) | Action::Test(_) => Receipt::Tested {
                output: Digest::of_bytes(b"ok"),
            },
            Action::Watch(_) | Action::SignOff(_) | Action::Settle => Receipt::Nothing,
        }
    }

    /// Goes on, with every attempt passing, until nothing is left to perform.
    pub fn run(&mut self, number: DeploymentNumber) -> Next {
        self.run_while(number, |_| true)
    }

    /// Goes on, with every attempt passing, until an attempt at this step runs.
    pub fn run_to(&mut self, number: DeploymentNumber, id: &str) {
        self.run_while(number, |step| step != id);
        assert_eq!(self.step(number), id, "{:?}", self.next(number));
    }

    fn run_while(&mut self, number: DeploymentNumber, go_on: impl Fn(&str) -> bool) -> Next {
        for _ in 0..100 {
            match self.next(number) {
                Next::Advance => drop(self.advance(number)),
                Next::Look { places } => self.look(number, &places),
                Next::Perform { .. } if go_on(&self.step(number)) => self.pass(number),
                Next::Abort { why, .. } => self.finish(number, Outcome::Inconclusive { why }),
                other => return other,
            }
        }
        panic!("{number} does not come to an end");
    }

    /// Looks at databases; what is not set up to be otherwise is what its migrations make.
    pub fn look(&mut self, number: DeploymentNumber, places: &[Sought]) {
        for place in places {
            let (home, database) = (place.home.clone(), place.database.clone());
            let made = Digest::of_value(&self.state.applied(&home, &database)).to_string();
            let look = self.looks.get(&home).cloned().unwrap_or(Look {
                schema: Some(made),
                drift: Some(Drift::Same),
            });
            let command = Command::RecordLook {
                home,
                database,
                look,
            };
            self.command(&towpath(), command).unwrap();
        }
        self.advance(number);
    }

    /// The step that a deployment is at.
    pub fn step(&self, number: DeploymentNumber) -> String {
        let current = self.deployment(number).current();
        current.map_or(String::new(), |(step, _)| step.id.clone())
    }

    /// Goes on until a step, which fails; what follows by itself has followed.
    pub fn fail_at(&mut self, number: DeploymentNumber, id: &str) {
        self.run_to(number, id);
        self.finish(number, failed("no"));
    }

    pub fn sign(
        &mut self,
        actor: &Actor,
        deployment: DeploymentNumber,
        name: &str,
    ) -> Result<(), Refusal> {
        let command = Command::Sign {
            deployment,
            name: Some(name.into()),
            evidence: None,
            comment: None,
        };
        self.command(actor, command).map(drop)
    }

    pub fn accept(&mut self, actor: &Actor, deployment: DeploymentNumber) -> Result<(), Refusal> {
        let reason = "the old rows are exported".into();
        let command = Command::AcceptNoReturn { deployment, reason };
        self.command(actor, command).map(drop)
    }

    pub fn cancel(&mut self, actor: &Actor, deployment: DeploymentNumber) -> Result<(), Refusal> {
        let reason = "changed our minds".into();
        let command = Command::Cancel { deployment, reason };
        self.command(actor, command).map(drop)
    }

    pub fn retry(
        &mut self,
        actor: &Actor,
        deployment: DeploymentNumber,
        from: Option<&str>,
    ) -> Result<(), Refusal> {
        let from = from.map(Into::into);
        let command = Command::Retry { deployment, from };
        self.command(actor, command).map(drop)
    }

    pub fn veto(&mut self, actor: &Actor, release: ReleaseNumber) -> Result<(), Refusal> {
        let environments = self.manifest.environments.iter();
        let policies = environments
            .map(|e| Policy::of(&self.manifest, e))
            .collect();
        let command = Command::Veto {
            release,
            reason: "it loses data".into(),
            policies,
        };
        self.command(actor, command).map(drop)
    }

    /// Goes on until the end, with every attempt passing and every signature given.
    pub fn complete(&mut self, number: DeploymentNumber) -> End {
        for _ in 0..10 {
            match self.run(number) {
                Next::Done => return self.end(number).unwrap(),
                Next::Wait(_) if self.deployment(number).asked.is_some() => {
                    let name = self.deployment(number).asked.clone().unwrap().name;
                    let by = if name == "qa" { quinn() } else { lee() };
                    self.sign(&by, number, &name).unwrap();
                }
                other => panic!("{number} is at {other:?}"),
            }
        }
        panic!("{number} does not come to an end");
    }

    /// A release goes all the way to production.
    pub fn ship(&mut self, release: ReleaseNumber) {
        for (by, name) in [(quinn(), "staging"), (olga(), "production")] {
            let number = self.deploy(&by, name, release).unwrap();
            assert_eq!(self.complete(number), End::Settled, "{}", self.why(number));
        }
    }

    pub fn end(&self, number: DeploymentNumber) -> Option<End> {
        self.deployment(number).ended.as_ref().map(|e| e.end)
    }

    /// Why it ended.
    pub fn why(&self, number: DeploymentNumber) -> String {
        let ended = &self.deployment(number).ended;
        ended.as_ref().map_or(String::new(), |e| e.why.clone())
    }

    /// What it waits for.
    pub fn waits(&self, number: DeploymentNumber) -> Waiting {
        match self.next(number) {
            Next::Wait(waiting) => waiting,
            other => panic!("{number} does not wait: {other:?}"),
        }
    }
}

/// What a build makes.
fn artifacts(release: &Release) -> BTreeMap<crate::names::ServiceName, BuiltArtifact> {
    let one = |service: &crate::names::ServiceName| {
        let artifact = BuiltArtifact {
            digest: Digest::of_bytes(release.number.to_string().as_bytes()),
            file_name: "web".into(),
            directory: false,
            bytes: 1,
        };
        (service.clone(), artifact)
    };
    release.source.built_services.iter().map(one).collect()
}
