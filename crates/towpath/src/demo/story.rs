//! The story: three releases on their way, the third of which is taken back.

use std::{io, path::Path, sync::Arc};

use towpath_core::{
    names::{DeploymentNumber, ReleaseNumber},
    path::Actor,
};

use super::{
    DemoError, Tell, Told,
    onlooker::Onlooker,
    people::{DANA, LEE, OLIVE, People, QUINN, first_files},
    sources,
    visitors::Visitors,
};
use crate::engine::{Ask, DeploymentView, Engine, Place, Reply, RequestError};

/// Who acts when nobody does.
const TOWPATH: &str = "towpath";
/// Who uses production.
const VISITORS: &str = "visitors";

/// What is told, and what was told so far.
pub(super) struct Story {
    engine: Arc<Engine>,
    place: Place,
    onlooker: Onlooker,
    people: People,
    tell: Tell,
    visitors: Visitors,
    deployments: Vec<DeploymentNumber>,
}

/// A branch that was pushed, and the last deployment to development before that.
struct Pushed {
    branch: &'static str,
    before: Option<DeploymentNumber>,
}

impl Story {
    pub(super) fn new(
        engine: Arc<Engine>,
        place: Place,
        people: People,
        tell: Tell,
        visitors: Visitors,
    ) -> Self {
        Story {
            onlooker: Onlooker::new(engine.clone(), place.clone(), tell.clone()),
            engine,
            place,
            people,
            tell,
            visitors,
            deployments: Vec::new(),
        }
    }

    pub(super) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// The deployments that did something, in their order.
    pub(super) fn deployments(&self) -> &[DeploymentNumber] {
        &self.deployments
    }

    /// Tells all of it.
    pub(super) async fn tell(&mut self) -> Result<(), DemoError> {
        self.people.begin().await?;
        // What is there when the server looks first was not pushed: nothing is deployed for it.
        let seen = async || Ok((!self.onlooker.state().await?.branches.is_empty()).then_some(()));
        self.onlooker.until("the server's first look", seen).await?;
        let pushed = self.first_release().await?;
        let pushed = self.second_release(pushed).await?;
        self.third_release(pushed).await
    }

    async fn first_release(&mut self) -> Result<Pushed, DemoError> {
        self.chapter("v1", "a guestbook");
        self.tell.does(
            DANA,
            "commits to feature/guestbook and pushes; development takes whatever is pushed to feature/*",
        );
        let pushed = self.push("feature/guestbook", first_files).await?;
        self.arrives(&pushed).await?;
        self.tell.does(
            DANA,
            "rebases, merges into develop and pushes: staging takes the very bytes that were built, and tests them",
        );
        let staged = self.stage(&pushed).await?;
        self.sign(staged, QUINN, "qa", "signed it, and read it back")
            .await?;
        self.sign(staged, LEE, "acceptance", "good enough for the lock house")
            .await?;
        self.tell.does(
            OLIVE,
            "promotes it: main takes in exactly that commit, and production the same bytes",
        );
        let promoted = self.promote().await?;
        let address = self.onlooker.address("production").await?;
        self.visitors.start(address);
        self.tell.does(
            VISITORS,
            format!(
                "ask http://{address} two hundred times a second from here on, without a break"
            ),
        );
        self.tell.does(
            DANA,
            "does not wait while production is watched: she commits to feature/mood, and pushes",
        );
        let write = |clone: &Path| sources::write_change(clone, "v2-mood");
        let next = self.push("feature/mood", write).await?;
        self.ends(promoted, "settled").await?;
        Ok(next)
    }

    async fn second_release(&mut self, pushed: Pushed) -> Result<Pushed, DemoError> {
        self.chapter("v2", "entries get a mood, and the database a column for it");
        self.tell.does(DANA, "finds what she pushed in development");
        self.arrives(&pushed).await?;
        self.tell
            .does(DANA, "is in a hurry, and pushes it straight to main");
        self.push_past_staging().await?;
        self.tell
            .does(DANA, "takes the way through develop after all");
        let staged = self.stage(&pushed).await?;
        self.tell.does(DANA, "would sign it herself");
        self.sign_own_work(staged).await?;
        self.sign(
            staged,
            QUINN,
            "qa",
            "old entries have no mood, new ones may",
        )
        .await?;
        self.sign(staged, LEE, "acceptance", "lovely").await?;
        self.tell.does(
            OLIVE,
            "promotes it: production's database gets the column while v1 serves, then v2 takes over",
        );
        let promoted = self.promote().await?;
        self.tell.does(
            DANA,
            "goes on meanwhile: she commits to feature/feed-cache, and pushes",
        );
        let write = |clone: &Path| sources::write_change(clone, "v3-bad");
        let next = self.push("feature/feed-cache", write).await?;
        self.ends(promoted, "settled").await?;
        Ok(next)
    }

    async fn third_release(&mut self, pushed: Pushed) -> Result<(), DemoError> {
        self.chapter(
            "v3",
            "a mistake that only production's configuration brings out",
        );
        self.tell.does(DANA, "finds what she pushed in development");
        self.arrives(&pushed).await?;
        self.tell.does(DANA, "merges it into develop and pushes");
        let staged = self.stage(&pushed).await?;
        self.sign(staged, QUINN, "qa", "the feed is as it was")
            .await?;
        self.sign(staged, LEE, "acceptance", "faster feeds: fine")
            .await?;
        self.tell.does(
            OLIVE,
            "promotes it: the smoke tests pass, and it has the traffic; but production is watched for a while",
        );
        let promoted = self.promote().await?;
        let failed = self.ends(promoted, "rolled-back").await?;
        self.is_taken_back(&failed).await
    }

    fn chapter(&self, release: &'static str, title: &'static str) {
        self.tell.say(Told::Chapter { release, title });
    }

    fn stands(&self, view: &DeploymentView) {
        self.tell.say(Told::Stands(Box::new(view.clone())));
    }

    /// A branch with a change is pushed.
    async fn push(
        &self,
        branch: &'static str,
        change: impl FnOnce(&Path) -> io::Result<String>,
    ) -> Result<Pushed, DemoError> {
        let before = self.onlooker.last("development").await?;
        self.people.push_feature(branch, change).await?;
        Ok(Pushed { branch, before })
    }

    /// What was pushed arrives in development.
    async fn arrives(&mut self, pushed: &Pushed) -> Result<(), DemoError> {
        let before = pushed.before;
        let number = self.onlooker.requested("development", before).await?;
        self.deployments.push(number);
        self.ends(number, "settled").await.map(drop)
    }

    /// A branch is merged into develop, and staging deploys and tests it until it waits for people.
    async fn stage(&mut self, pushed: &Pushed) -> Result<DeploymentNumber, DemoError> {
        let before = self.onlooker.last("staging").await?;
        self.people.merge(pushed.branch).await?;
        let number = self.onlooker.requested("staging", before).await?;
        self.deployments.push(number);
        let view = self
            .onlooker
            .stands(number, |view| view.asked.is_some())
            .await?;
        self.stands(&view);
        match view.asked {
            Some(_) => Ok(number),
            None => Err(unexpected(&view, "wait for a signature")),
        }
    }

    /// Somebody signs what they saw; the last signature sets the deployment going again.
    async fn sign(
        &self,
        number: DeploymentNumber,
        who: &'static str,
        name: &str,
        comment: &str,
    ) -> Result<(), DemoError> {
        let is_asked = |view: &DeploymentView| view.asked.as_deref() == Some(name);
        let view = self.onlooker.stands(number, is_asked).await?;
        if !is_asked(&view) {
            return Err(unexpected(&view, &format!("wait for {name:?}")));
        }
        let role = self.rule_of(name)?;
        self.tell
            .does(who, format!("signs {name:?} as {role}: {comment}"));
        let ask = Ask::SignOff {
            deployment: number.to_string(),
            name: Some(name.to_owned()),
            evidence: view.evidence,
            comment: Some(comment.to_owned()),
        };
        self.ask(who, &ask).await?;
        let goes_on = |view: &DeploymentView| view.asked.as_deref().is_some_and(|a| a != name);
        let view = self.onlooker.stands(number, goes_on).await?;
        if goes_on(&view) {
            return Ok(());
        }
        self.stands(&view);
        expect(&view, "settled")
    }

    /// The role that a signature of staging needs.
    fn rule_of(&self, name: &str) -> Result<String, DemoError> {
        let staging = self.place.environment("staging")?;
        let rule = staging.sign_off.iter().find(|rule| rule.name == name);
        rule.map(|rule| rule.role.to_string())
            .ok_or_else(|| DemoError::ours(format!("staging asks for no {name:?}")))
    }

    /// Who wrote it and may not sign is refused.
    async fn sign_own_work(&self, number: DeploymentNumber) -> Result<(), DemoError> {
        let ask = Ask::SignOff {
            deployment: number.to_string(),
            name: None,
            evidence: None,
            comment: None,
        };
        match self.engine.ask(&person(DANA), &self.place, &ask).await {
            Err(RequestError::Refused(refusal)) => {
                self.tell.say(Told::Refused(format!(
                    "refused: {refusal}; {}",
                    refusal.help()
                )));
                Ok(())
            }
            Err(error) => Err(error.into()),
            Ok(_) => Err(DemoError::ours("dana could sign her own work")),
        }
    }

    /// What staging has not verified reaches main, and production refuses it.
    async fn push_past_staging(&self) -> Result<(), DemoError> {
        let before = self.onlooker.last("production").await?;
        self.people.push_to_main().await?;
        let number = self.onlooker.requested("production", before).await?;
        let view = self.onlooker.ended(number).await?;
        let why = view.why.clone().unwrap_or_default();
        self.tell
            .say(Told::Refused(format!("production refuses: {why}")));
        expect(&view, "refused")
    }

    async fn promote(&mut self) -> Result<DeploymentNumber, DemoError> {
        let ask = Ask::Promote {
            from: "staging".into(),
            release: None,
            to: None,
        };
        match self.ask(OLIVE, &ask).await? {
            Reply::Deployment { deployment, branch } => {
                if let Some(branch) = branch {
                    self.tell.say(Told::Good(branch));
                }
                self.deployments.push(deployment);
                Ok(deployment)
            }
            _ => Err(DemoError::ours("nothing was promoted")),
        }
    }

    /// What the watch found has the release before it serve again, and nothing more happens by itself.
    async fn is_taken_back(&mut self, failed: &DeploymentView) -> Result<(), DemoError> {
        let number = failed
            .undone_by
            .ok_or_else(|| unexpected(failed, "be taken back"))?;
        self.deployments.push(number);
        let rollback = self.onlooker.ended(number).await?;
        self.tell.does(
            TOWPATH,
            format!(
                "goes back to {} by itself, whose processes were still warm",
                rollback.release
            ),
        );
        self.stands(&rollback);
        expect(&rollback, "settled")?;
        self.serves_again(rollback.release).await?;
        let held = self.onlooker.environment("production").await?.hold;
        let held = held.ok_or_else(|| DemoError::ours("production is not held"))?;
        self.tell.say(Told::Good(format!(
            "production is held until a person releases it: {}",
            held.reason
        )));
        Ok(())
    }

    /// Waits until visitors have seen a release after the last of any other.
    async fn serves_again(&self, release: ReleaseNumber) -> Result<(), DemoError> {
        let since = crate::clock::now();
        self.onlooker
            .until("an answer after the rollback", async || {
                let tally = self.visitors.tally();
                let seen = tally.last_seen.get(&release.to_string());
                Ok(seen.filter(|at| **at > since).map(|_| ()))
            })
            .await
    }

    /// Waits for the end of a deployment, tells it, and sees that it is the right one.
    async fn ends(
        &self,
        number: DeploymentNumber,
        status: &str,
    ) -> Result<DeploymentView, DemoError> {
        let view = self.onlooker.ended(number).await?;
        self.stands(&view);
        expect(&view, status)?;
        Ok(view)
    }

    async fn ask(&self, who: &str, ask: &Ask) -> Result<Reply, DemoError> {
        Ok(self.engine.ask(&person(who), &self.place, ask).await?)
    }
}

fn person(who: &str) -> Actor {
    Actor::person(&format!("{who}@acme.test"))
}

fn expect(view: &DeploymentView, status: &str) -> Result<(), DemoError> {
    match view.status == status {
        true => Ok(()),
        false => Err(unexpected(view, &format!("be {status}"))),
    }
}

fn unexpected(view: &DeploymentView, wanted: &str) -> DemoError {
    let built = view.steps.iter().all(|step| {
        step.phase != towpath_core::path::Phase::Build
            || step.verdict == Some(towpath_core::path::Verdict::Passed)
    });
    DemoError::new(
        "demo::not-as-told",
        format!(
            "{} of {} to {} should {wanted}, and is {}{}",
            view.deployment,
            view.release,
            view.environment,
            view.status,
            view.why
                .as_ref()
                .map_or(String::new(), |why| format!(": {why}"))
        ),
        match built {
            true => "`towpath demo --keep DIR` keeps every file, the outputs included",
            false => {
                "the build's output says why. The first build needs crates.io, or wherever your cargo gets its crates, \
                 and a C compiler"
            }
        },
    )
}
