//! Rehearsing the way back: ordinary deployments, one after another, and what the journal then says of them.

use towpath_core::{
    names::{DeploymentNumber, EnvironmentName},
    path::{
        Actor, Command, Refusal, Release, Station, Trigger, plan_deploy, rehearsed_deploy,
        rehearsed_return, station, stopped,
    },
};

use super::{Engine, Place, Reply, RequestError};

impl Engine {
    /// Requests the next deployment of a rehearsal; the release with what was found, when there is none left.
    pub(super) async fn rehearse(
        &self,
        actor: &Actor,
        place: &Place,
        typed: &str,
        what: Option<&str>,
        followed: Option<DeploymentNumber>,
    ) -> Result<Reply, RequestError> {
        let environment = place.environment(typed)?;
        let release = self.release_for(actor, place, environment, what).await?;
        let name = &environment.name;
        let state = self.store.state_with(&[release.number]).await?;
        match station(&state, name, release.number, followed) {
            Station::UnderWay(deployment) => Ok(Reply::Deployment {
                deployment,
                branch: None,
            }),
            Station::Forward { after } => self.forward(actor, name, &release, after).await,
            Station::Back { after } => self.back(actor, place, name, &release, after).await,
            Station::Prove { back, again } => self.prove(actor, name, &release, back, again).await,
            Station::Stopped { at } => {
                let deployment = self.store.deployment(at).await?;
                let deployment = deployment.ok_or(Refusal::NoSuchDeployment(at))?;
                self.stopped(actor, &release, at, stopped(&deployment))
                    .await
            }
        }
    }

    async fn forward(
        &self,
        actor: &Actor,
        name: &EnvironmentName,
        release: &Release,
        after: Option<DeploymentNumber>,
    ) -> Result<Reply, RequestError> {
        let (manifest, environment) = self.own_manifest(release, name)?;
        let state = self.store.state().await?;
        let plan = rehearsed_deploy(plan_deploy(&state, &manifest, &environment, release));
        let of = release.number;
        let command = Command::Request {
            plan: Box::new(plan),
            trigger: Trigger::Rehearsal { of, after },
        };
        self.requested(actor, &[command]).await
    }

    async fn back(
        &self,
        actor: &Actor,
        place: &Place,
        name: &EnvironmentName,
        release: &Release,
        after: DeploymentNumber,
    ) -> Result<Reply, RequestError> {
        let plan = match self.rollback_plan(place, name.as_str(), None).await {
            Ok(plan) => plan,
            // The planner's no is what a rehearsal is there to find.
            Err(RequestError::Refused(refusal @ Refusal::CannotReturn { .. })) => {
                let why = format!(
                    "there is no way back from {}: {refusal}; {}",
                    release.number,
                    refusal.help()
                );
                return self.stopped(actor, release, after, why).await;
            }
            Err(error) => return Err(error),
        };
        let returning = self.existing(plan.release).await?;
        let (_, environment) = self.own_manifest(&returning, name)?;
        let command = Command::Request {
            plan: Box::new(rehearsed_return(plan, &environment.test)),
            trigger: Trigger::Rehearsal {
                of: release.number,
                after: Some(after),
            },
        };
        self.requested(actor, &[command]).await
    }

    async fn prove(
        &self,
        actor: &Actor,
        name: &EnvironmentName,
        release: &Release,
        back: DeploymentNumber,
        again: DeploymentNumber,
    ) -> Result<Reply, RequestError> {
        let returned = self.store.deployment(back).await?;
        let first = match returned.map(|returned| returned.trigger) {
            Some(Trigger::Rehearsal {
                after: Some(first), ..
            }) => first,
            _ => return self.forward(actor, name, release, None).await,
        };
        let command = Command::ProveRollback { first, back, again };
        self.command(actor, command).await?;
        self.found(release).await
    }

    async fn stopped(
        &self,
        actor: &Actor,
        release: &Release,
        deployment: DeploymentNumber,
        finding: String,
    ) -> Result<Reply, RequestError> {
        let command = Command::FailRehearsal {
            release: release.number,
            deployment,
            finding,
        };
        self.command(actor, command).await?;
        self.found(release).await
    }

    async fn found(&self, release: &Release) -> Result<Reply, RequestError> {
        let release = Box::new(self.existing(release.number).await?);
        Ok(Reply::Release { release })
    }
}
