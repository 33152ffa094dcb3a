//! Rehearsing the way back: ordinary deployments, one after another, and what the journal then says of them.

use towpath_core::{
    manifest::Manifest,
    names::{DatabaseName, DeploymentNumber, EnvironmentName},
    path::{
        Actor, Command, Plan, Refusal, Release, Station, Trigger, cloning_first, on_clone,
        plan_deploy, plan_return, rehearsed_deploy, rehearsed_return, rollback_way, station,
        stopped,
    },
};

use super::{Engine, Reply, RequestError, clone::copies, failpoint};

impl Engine {
    /// Requests the next deployment of a rehearsal; the release with what was found, when there is none left.
    pub(super) async fn rehearse(
        &self,
        actor: &Actor,
        environment: &EnvironmentName,
        release: &Release,
        followed: Option<DeploymentNumber>,
        on_clone: bool,
    ) -> Result<Reply, RequestError> {
        if !on_clone {
            return self.go_on(actor, environment, release, followed).await;
        }
        let clone = environment.of_clone();
        match followed {
            // What an earlier rehearsal left: one that has ended is of no use for this one.
            None => self.clear(&clone).await,
            // It may be taken down by now; what it said of the release stands.
            Some(followed) => {
                let deployment = self.store.deployment(followed).await?;
                let deployment = deployment.ok_or(Refusal::NoSuchDeployment(followed))?;
                if deployment.ended.is_some() && !deployment.is_settled() {
                    let why = stopped(&deployment);
                    let reply = self.stopped(actor, release, followed, why).await;
                    self.clear(&clone).await;
                    return reply;
                }
                let state = self.store.state().await?;
                if state.environment(&clone).last != Some(followed) {
                    let number = release.number;
                    return Err(RequestError::Unclear {
                        what: format!(
                            "the clone of {environment} was removed, because nobody went on after {followed}"
                        ),
                        help: format!(
                            "`towpath rehearse {environment} {number} --clone` begins anew"
                        ),
                    });
                }
            }
        }
        let reply = self.go_on(actor, &clone, release, followed).await;
        self.clear(&clone).await;
        reply
    }

    /// Takes a clone down, if it is of no use any more. Where that cannot be done now, it is tried again for as long as it takes.
    async fn clear(&self, clone: &EnvironmentName) {
        if let Err(error) = self.take_down(clone).await {
            tracing::warn!(%clone, %error, "is still there");
        }
    }

    async fn go_on(
        &self,
        actor: &Actor,
        name: &EnvironmentName,
        release: &Release,
        followed: Option<DeploymentNumber>,
    ) -> Result<Reply, RequestError> {
        let state = self.store.state_with(&[release.number]).await?;
        match station(&state, name, release.number, followed) {
            Station::UnderWay(deployment) => Ok(Reply::Deployment {
                deployment,
                branch: None,
            }),
            Station::Forward { after } => self.forward(actor, name, release, after).await,
            Station::Back { after } => self.back(actor, name, release, after).await,
            Station::Prove { back, again } => self.prove(actor, name, release, back, again).await,
            Station::Stopped { at } => {
                let deployment = self.store.deployment(at).await?;
                let deployment = deployment.ok_or(Refusal::NoSuchDeployment(at))?;
                self.stopped(actor, release, at, stopped(&deployment)).await
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
        let (manifest, environment) = self.own_manifest(release, &name.declared())?;
        let state = self.store.state().await?;
        let mut plan = rehearsed_deploy(plan_deploy(&state, &manifest, &environment, release));
        let mut commands = Vec::new();
        if name.is_clone() {
            refuse_tools(&manifest, name, &plan)?;
            let databases = copies(&state, &plan);
            plan = on_clone(&state, plan);
            if after.is_none() {
                plan = cloning_first(plan, &databases);
                let plan = Box::new(plan.clone());
                let idle = failpoint::clone_idle();
                commands.push(Command::Clone {
                    plan,
                    databases,
                    idle,
                });
            }
        }
        let of = release.number;
        commands.push(Command::Request {
            plan: Box::new(plan),
            trigger: Trigger::Rehearsal { of, after },
        });
        self.requested(actor, &commands).await
    }

    async fn back(
        &self,
        actor: &Actor,
        name: &EnvironmentName,
        release: &Release,
        after: DeploymentNumber,
    ) -> Result<Reply, RequestError> {
        let state = self.store.state().await?;
        let plan = match rollback_way(&state, name) {
            Ok(way) => plan_return(way.standing, &way.undo),
            // The planner's no is what a rehearsal is there to find.
            Err(refusal @ Refusal::CannotReturn { .. }) => {
                let why = format!(
                    "there is no way back from {}: {refusal}; {}",
                    release.number,
                    refusal.help()
                );
                return self.stopped(actor, release, after, why).await;
            }
            Err(refusal) => return Err(refusal.into()),
        };
        let returning = self.existing(plan.release).await?;
        let (_, environment) = self.own_manifest(&returning, &name.declared())?;
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

/// Refuses to clone what the project's own tool migrates: Towpath leads services to a copy, and cannot know where a tool goes.
fn refuse_tools(
    manifest: &Manifest,
    clone: &EnvironmentName,
    plan: &Plan,
) -> Result<(), RequestError> {
    let mut used = plan.launch.databases.keys();
    let is_of_tool = |name: &&DatabaseName| {
        let declared = manifest.databases.get(*name);
        declared.is_some_and(|declared| declared.tool.is_some())
    };
    let Some(database) = used.find(is_of_tool) else {
        return Ok(());
    };
    let environment = clone.declared();
    Err(RequestError::Unclear {
        what: format!(
            "could not rehearse on a clone of {environment}: its own tool migrates database {database}, and would be led to the real one"
        ),
        help: format!(
            "leave --clone out, where {environment} itself may be deployed to and returned"
        ),
    })
}
