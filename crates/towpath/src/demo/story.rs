//! The story: three releases on their way, the third of which is taken back.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use towpath_core::{
    names::{DeploymentNumber, EnvironmentName},
    path::Actor,
    time::human,
};

use super::{DemoError, sources, told::Told, traffic::Traffic, world::World};
use crate::engine::{Ask, DeploymentView, Engine, Place, Reply, RequestError};

/// How long anything may take, the first build included.
const PATIENCE: Duration = Duration::from_secs(900);

/// Between looks.
const LOOK: Duration = Duration::from_millis(25);

/// What was told so far, and what it is told with.
pub(super) struct Story<'a> {
    engine: Arc<Engine>,
    place: Place,
    world: &'a World,
    told: &'a Told,
    traffic: Traffic,
    production: Option<SocketAddr>,
    deployments: Vec<DeploymentNumber>,
}

impl<'a> Story<'a> {
    pub(super) fn new(
        engine: Arc<Engine>,
        place: Place,
        world: &'a World,
        told: &'a Told,
        traffic: Traffic,
    ) -> Self {
        Story {
            engine,
            place,
            world,
            told,
            traffic,
            production: None,
            deployments: Vec::new(),
        }
    }

    pub(super) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    pub(super) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Where production's users are.
    pub(super) fn production(&self) -> String {
        self.production
            .map_or_else(String::new, |address| format!("http://{address}"))
    }

    /// Tells all of it.
    pub(super) async fn tell(&mut self) -> Result<(), DemoError> {
        let told = self.told;
        self.first_look().await?;
        told.chapter("v1: a guestbook");
        self.push_feature("feature/guestbook", "Keep a guestbook")
            .await?;
        self.merge_and_test().await?;
        self.sign("quinn", "Signed it, read it back").await?;
        self.sign("lee", "Good enough for the lock house").await?;
        let first = self.promote().await?;
        self.expect(&first, "settled")?;
        self.begin_traffic().await?;

        told.chapter("v2: with a mood, and a migration for it");
        self.change("feature/mood", "v2-mood").await?;
        self.merge_and_test().await?;
        self.refused_signature().await?;
        self.sign("quinn", "Old entries have no mood, new ones do")
            .await?;
        self.sign("lee", "Lovely").await?;
        let second = self.promote().await?;
        self.expect(&second, "settled")?;

        told.chapter("v3: a mistake that shows only under production's configuration");
        self.change("feature/feed-cache", "v3-bad").await?;
        self.merge_and_test().await?;
        self.sign("quinn", "The feed looks the same").await?;
        self.sign("lee", "Faster feeds, fine").await?;
        let third = self.promote().await?;
        self.expect(&third, "rolled-back")?;
        if let Some(rollback) = third.undone_by {
            self.deployments.push(rollback);
            let rollback = self.ended(rollback).await?;
            told.good(&format!(
                "{} returned production to {}, which was still warm",
                rollback.deployment, rollback.release
            ));
            self.expect(&rollback, "settled")?;
        }

        told.chapter("And somebody in a hurry");
        self.push_past_the_gate().await
    }

    /// The server takes the branches as they are, once.
    async fn first_look(&self) -> Result<(), DemoError> {
        self.until("the server to see the repository", async || {
            Ok(!self.state().await?.branches.is_empty())
        })
        .await
    }

    async fn push_feature(&mut self, branch: &str, message: &str) -> Result<(), DemoError> {
        self.told.does(&format!("dana commits to {branch} and pushes; every push to feature/* is deployed to development"));
        self.world.commit("dana", message)?;
        self.world.git(&["push", "--quiet", "origin", branch])?;
        let deployed = self.arrives("development").await?;
        self.say(&deployed);
        self.expect(&deployed, "settled")
    }

    async fn change(&mut self, branch: &str, change: &str) -> Result<(), DemoError> {
        self.world
            .git(&["checkout", "--quiet", "-b", branch, "develop"])?;
        let message = sources::write_change(&self.world.work_tree(), change).map_err(|error| {
            DemoError::new(
                format!("could not write a change: {error}"),
                "make room on the disk",
            )
        })?;
        self.push_feature(branch, &message).await
    }

    /// Merges the branch that is checked out into develop, and waits until a person is needed.
    async fn merge_and_test(&mut self) -> Result<(), DemoError> {
        self.told.does("she rebases, and merges it into develop: staging is migrated, configured, deployed and tested");
        self.world.git(&["rebase", "--quiet", "develop"])?;
        self.world
            .git(&["checkout", "--quiet", "-B", "develop", "HEAD"])?;
        self.world.git(&["push", "--quiet", "origin", "develop"])?;
        let number = self.requested("staging").await?;
        let view = self.stands(number).await?;
        self.say(&view);
        match view.asked {
            Some(_) => Ok(()),
            None => Err(unexpected(&view, "wait for a signature")),
        }
    }

    async fn sign(&mut self, who: &str, comment: &str) -> Result<(), DemoError> {
        let view = self.current("staging").await?;
        let name = view.asked.clone().unwrap_or_default();
        self.told.does(&format!(
            "{who} looks at staging and signs {name:?}: {comment}"
        ));
        let ask = Ask::SignOff {
            deployment: "staging".into(),
            name: None,
            evidence: view.evidence,
            comment: Some(comment.into()),
        };
        self.ask(who, &ask).await?;
        let view = self.stands(view.deployment).await?;
        if view.ended_at.is_some() {
            self.say(&view);
            self.expect(&view, "settled")?;
        }
        Ok(())
    }

    /// One person's two hats are one person.
    async fn refused_signature(&self) -> Result<(), DemoError> {
        self.told.does("dana would like to sign her own work");
        let ask = Ask::SignOff {
            deployment: "staging".into(),
            name: None,
            evidence: None,
            comment: None,
        };
        match self.engine.ask(&person("dana"), &self.place, &ask).await {
            Err(RequestError::Refused(refusal)) => {
                self.told
                    .no(&format!("refused: {refusal}; {}", refusal.help()));
                Ok(())
            }
            _ => Err(DemoError::new(
                "dana could sign for qa",
                "this is a mistake of ours",
            )),
        }
    }

    async fn promote(&mut self) -> Result<DeploymentView, DemoError> {
        self.told.does("olive promotes staging: main takes in exactly that commit, and production gets the same bytes");
        let ask = Ask::Promote {
            from: "staging".into(),
            release: None,
            to: None,
        };
        let reply = self.ask("olive", &ask).await?;
        let Reply::Deployment { deployment, branch } = reply else {
            return Err(DemoError::new(
                "nothing was deployed",
                "this is a mistake of ours",
            ));
        };
        if let Some(branch) = branch {
            self.told.good(&branch);
        }
        self.deployments.push(deployment);
        let view = self.ended(deployment).await?;
        self.say(&view);
        Ok(view)
    }

    /// A commit that nobody verified reaches main by itself.
    async fn push_past_the_gate(&mut self) -> Result<(), DemoError> {
        self.told.does("sam pushes a quick fix straight to main");
        self.world.git(&["fetch", "--quiet", "origin"])?;
        self.world
            .git(&["checkout", "--quiet", "-B", "main", "origin/main"])?;
        std::fs::write(self.world.work_tree().join("QUICK-FIX"), "trust me\n").map_err(
            |error| {
                DemoError::new(
                    format!("could not write a file: {error}"),
                    "make room on the disk",
                )
            },
        )?;
        self.world.commit("sam", "Quick fix")?;
        self.world.git(&["push", "--quiet", "origin", "main"])?;
        let number = self.requested("production").await?;
        self.deployments.pop();
        let view = self.ended(number).await?;
        self.told.no(&format!(
            "{} {}: {}",
            view.deployment,
            view.status,
            view.why.clone().unwrap_or_default()
        ));
        self.expect(&view, "refused")
    }

    async fn begin_traffic(&mut self) -> Result<(), DemoError> {
        let name = self.name("production")?;
        let traffic = self.engine.target.traffic(&name).await;
        let address = traffic
            .ok()
            .and_then(|all| all.first().map(|traffic| traffic.listen));
        let address = address.ok_or_else(|| {
            DemoError::new("production has no address", "this is a mistake of ours")
        })?;
        self.production = Some(address);
        self.traffic.start(address);
        self.told.aside(&format!(
            "  from now on users ask http://{address} about 200 times a second, without a break"
        ));
        Ok(())
    }

    /// Says how a deployment stands.
    fn say(&self, view: &DeploymentView) {
        let phases: Vec<String> = towpath_core::path::Phase::ALL
            .iter()
            .filter_map(|phase| view.phases.get(phase.name()).map(|ms| (phase, ms)))
            .filter(|(_, ms)| **ms > 0)
            .map(|(phase, ms)| format!("{phase} {}", human(Duration::from_millis(*ms))))
            .collect();
        let line = |what: &str| {
            format!(
                "{} {} of {} to {}: {what} ({})",
                view.deployment,
                view.kind,
                view.release,
                view.environment,
                phases.join(", ")
            )
        };
        match (&view.asked, view.status.as_str()) {
            (Some(name), _) => self
                .told
                .good(&line(&format!("passed its tests, waits for {name:?}"))),
            (None, "settled") => self.told.good(&line("verified")),
            (None, status) => {
                self.told.no(&line(status));
                for why in view.why.iter().flat_map(|why| why.lines()).take(12) {
                    self.told.aside(&format!("      {why}"));
                }
            }
        }
    }

    fn expect(&self, view: &DeploymentView, status: &str) -> Result<(), DemoError> {
        if view.status == status {
            Ok(())
        } else {
            Err(unexpected(view, status))
        }
    }

    fn name(&self, typed: &str) -> Result<EnvironmentName, DemoError> {
        Ok(self.place.environment(typed).map_err(mistake)?.name.clone())
    }

    async fn state(&self) -> Result<towpath_core::path::State, DemoError> {
        self.engine.store.state().await.map_err(mistake)
    }

    async fn ask(&self, who: &str, ask: &Ask) -> Result<Reply, DemoError> {
        self.engine
            .ask(&person(who), &self.place, ask)
            .await
            .map_err(|error| DemoError::new(&error, error.help()))
    }

    async fn view(&self, number: DeploymentNumber) -> Result<Option<DeploymentView>, DemoError> {
        self.engine.deployment_view(number).await.map_err(mistake)
    }

    /// The deployment that an environment has or had last.
    async fn current(&self, typed: &str) -> Result<DeploymentView, DemoError> {
        let last = self.state().await?.environment(&self.name(typed)?).last;
        let view = match last {
            Some(number) => self.view(number).await?,
            None => None,
        };
        view.ok_or_else(|| {
            DemoError::new(
                format!("nothing was deployed to {typed}"),
                "this is a mistake of ours",
            )
        })
    }

    /// Waits until an environment has a deployment that is new to the story.
    async fn requested(&mut self, typed: &str) -> Result<DeploymentNumber, DemoError> {
        let name = self.name(typed)?;
        let known = self.deployments.iter().max().copied();
        let mut found = None;
        let (engine, slot) = (self.engine.clone(), &mut found);
        self.until_with(&format!("{typed} to be deployed"), async || {
            let last = engine
                .store
                .state()
                .await
                .map_err(mistake)?
                .environment(&name)
                .last;
            *slot = last.filter(|last| Some(*last) > known);
            Ok(slot.is_some())
        })
        .await?;
        let number =
            found.ok_or_else(|| DemoError::new("nothing came", "this is a mistake of ours"))?;
        self.deployments.push(number);
        Ok(number)
    }

    async fn arrives(&mut self, typed: &str) -> Result<DeploymentView, DemoError> {
        let number = self.requested(typed).await?;
        self.ended(number).await
    }

    async fn ended(&self, number: DeploymentNumber) -> Result<DeploymentView, DemoError> {
        self.wait_for(number, |view| view.ended_at.is_some()).await
    }

    /// Waits until a deployment has ended or needs a person.
    async fn stands(&self, number: DeploymentNumber) -> Result<DeploymentView, DemoError> {
        self.wait_for(number, |view| {
            view.ended_at.is_some() || view.asked.is_some()
        })
        .await
    }

    async fn wait_for(
        &self,
        number: DeploymentNumber,
        is_there: impl Fn(&DeploymentView) -> bool,
    ) -> Result<DeploymentView, DemoError> {
        self.until(&format!("{number}"), async || {
            Ok(self.view(number).await?.is_some_and(|view| is_there(&view)))
        })
        .await?;
        let view = self.view(number).await?;
        view.ok_or_else(|| {
            DemoError::new(format!("there is no {number}"), "this is a mistake of ours")
        })
    }

    async fn until(
        &self,
        what: &str,
        is_so: impl AsyncFnMut() -> Result<bool, DemoError>,
    ) -> Result<(), DemoError> {
        self.until_with(what, is_so).await
    }

    async fn until_with(
        &self,
        what: &str,
        mut is_so: impl AsyncFnMut() -> Result<bool, DemoError>,
    ) -> Result<(), DemoError> {
        let began = tokio::time::Instant::now();
        while !is_so().await? {
            if began.elapsed() > PATIENCE {
                return Err(DemoError::new(
                    format!("waited too long for {what}"),
                    "`--exit` again, and look at what runs meanwhile",
                ));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Every deployment of the story with its end, and what took it back.
    pub(super) async fn views(
        &self,
    ) -> Result<BTreeMap<DeploymentNumber, DeploymentView>, DemoError> {
        let mut views = BTreeMap::new();
        for number in &self.deployments {
            if let Some(view) = self.view(*number).await? {
                views.insert(*number, view);
            }
        }
        Ok(views)
    }
}

fn person(who: &str) -> Actor {
    Actor::person(&format!("{who}@acme.test"))
}

fn mistake(error: impl ToString) -> DemoError {
    DemoError::new(error.to_string(), "this is a mistake of ours")
}

fn unexpected(view: &DeploymentView, wanted: &str) -> DemoError {
    let why = view
        .why
        .as_ref()
        .map_or(String::new(), |why| format!(": {why}"));
    DemoError::new(
        format!(
            "{} of {} to {} should {wanted}, and is {}{why}",
            view.deployment, view.release, view.environment, view.status
        ),
        "the output of the step says why; when cargo cannot reach its registry, go online for the first run",
    )
}
