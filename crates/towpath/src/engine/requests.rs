//! Doing what people ask: names become what they stand for, and asks become commands of the path.

use towpath_core::{
    manifest::{Environment, Manifest},
    names::{DatabaseName, DeploymentNumber, EnvironmentName, ReleaseNumber},
    path::{
        Actor, Answer, Candidate, Command, Commit, GateReport, NoReturn, Outcome, Plan, Policy,
        Receipt, Refusal, Release, State, Trigger, ask_gates, changed_by, once_settled, pending,
        plan_deploy, plan_return, points_of_no_return, return_target, reversals, rollback_way,
        safe_back_to, verdict_of_gates,
    },
};

use super::{Ask, Engine, Place, Preview, Reply, RequestError, failpoint};
use crate::{clock::now, git::Promoted};

impl Engine {
    /// Does what is asked, as far as it is done at once; what follows is the dispatcher's.
    pub async fn ask(
        &self,
        actor: &Actor,
        place: &Place,
        ask: &Ask,
    ) -> Result<Reply, RequestError> {
        let done = |said: String| Ok(Reply::Done { said });
        match ask {
            Ask::Release { revision } => {
                let commit = self
                    .mirror
                    .resolve(revision, place.work_tree.as_deref())
                    .await?;
                let release = self.cut(actor, &commit).await?;
                let release = Box::new(self.build_release(actor, release).await?);
                Ok(Reply::Release { release })
            }
            Ask::Deploy { environment, what } => {
                let environment = place.environment(environment)?;
                let release = self
                    .release_for(actor, place, environment, what.as_deref())
                    .await?;
                self.request(actor, &environment.name, &release, Trigger::Person, None)
                    .await
            }
            Ask::Promote { from, release, to } => {
                self.promote(actor, place, from, *release, to.as_deref())
                    .await
            }
            Ask::Rollback { environment, to } => {
                let plan = self.rollback_plan(place, environment, *to).await?;
                let command = Command::Request {
                    plan: Box::new(plan),
                    trigger: Trigger::Person,
                };
                self.requested(actor, &[command]).await
            }
            Ask::Rehearse {
                environment,
                what,
                followed,
                on_clone,
            } => {
                let environment = place.environment(environment)?;
                let release = self
                    .release_for(actor, place, environment, what.as_deref())
                    .await?;
                self.rehearse(actor, &environment.name, &release, *followed, *on_clone)
                    .await
            }
            Ask::SignOff {
                deployment,
                name,
                evidence,
                comment,
            } => {
                let number = self.deployment_of(place, deployment).await?;
                self.goes_on(
                    actor,
                    number,
                    Command::Sign {
                        deployment: number,
                        name: name.clone(),
                        evidence: *evidence,
                        comment: comment.clone(),
                    },
                )
                .await
            }
            Ask::Reject {
                deployment,
                name,
                reason,
            } => {
                let number = self.deployment_of(place, deployment).await?;
                let (name, reason) = (name.clone(), reason.clone());
                self.goes_on(
                    actor,
                    number,
                    Command::Reject {
                        deployment: number,
                        name,
                        reason,
                    },
                )
                .await
            }
            Ask::Accept { deployment, reason } => {
                let number = self.deployment_of(place, deployment).await?;
                let reason = reason.clone();
                self.goes_on(
                    actor,
                    number,
                    Command::AcceptNoReturn {
                        deployment: number,
                        reason,
                    },
                )
                .await
            }
            Ask::Cancel { deployment, reason } => {
                let number = self.deployment_of(place, deployment).await?;
                let reason = reason.clone();
                self.goes_on(
                    actor,
                    number,
                    Command::Cancel {
                        deployment: number,
                        reason,
                    },
                )
                .await
            }
            Ask::Retry { deployment, from } => {
                let number = self.deployment_of(place, deployment).await?;
                // What is still under way needs no new try, only someone to go on with it.
                let state = self.store.state().await?;
                if state.open().any(|open| open.number == number) {
                    return Ok(Reply::Deployment {
                        deployment: number,
                        branch: None,
                    });
                }
                let from = from.clone();
                self.goes_on(
                    actor,
                    number,
                    Command::Retry {
                        deployment: number,
                        from,
                    },
                )
                .await
            }
            Ask::Lock {
                environment,
                reason,
                lasting,
            } => {
                let policy = place.policy(environment)?;
                let name = policy.environment.clone();
                let reason = reason.clone();
                self.command(
                    actor,
                    Command::Lock {
                        policy,
                        reason,
                        lasting: *lasting,
                    },
                )
                .await?;
                done(format!(
                    "{name} is locked for {}",
                    towpath_core::time::human(*lasting)
                ))
            }
            Ask::Unlock { environment } => {
                let policy = place.policy(environment)?;
                let name = policy.environment.clone();
                self.command(actor, Command::Unlock { policy }).await?;
                done(format!("{name} is not locked any more"))
            }
            Ask::Hold {
                environment,
                reason,
            } => {
                let policy = place.policy(environment)?;
                let name = policy.environment.clone();
                self.command(
                    actor,
                    Command::Hold {
                        policy,
                        reason: reason.clone(),
                    },
                )
                .await?;
                done(format!(
                    "{name} is held: nothing is deployed to it automatically"
                ))
            }
            Ask::ReleaseHold { environment } => {
                let policy = place.policy(environment)?;
                let name = policy.environment.clone();
                self.command(actor, Command::ReleaseHold { policy }).await?;
                done(format!("{name} is not held any more"))
            }
            Ask::WorkOnSchema { .. }
            | Ask::ListSecrets { .. }
            | Ask::ReadSecrets { .. }
            | Ask::WriteSecrets { .. } => {
                if let Some(command) = place.recorded_command(ask)? {
                    self.command(actor, command).await?;
                }
                done("recorded".into())
            }
            Ask::Veto { release, reason } => {
                let policies = place
                    .manifest
                    .environments
                    .iter()
                    .map(|environment| Policy::of(&place.manifest, environment))
                    .collect();
                let reason = reason.clone();
                self.command(
                    actor,
                    Command::Veto {
                        release: *release,
                        reason,
                        policies,
                    },
                )
                .await?;
                done(format!("{release} will not be deployed again"))
            }
        }
    }

    /// What a deployment would do, without doing any of it. A revision is cut as a release only in memory.
    pub async fn preview(
        &self,
        actor: &Actor,
        place: &Place,
        typed: &str,
        what: Option<&str>,
    ) -> Result<Preview, RequestError> {
        let environment = place.environment(typed)?;
        let release = self.release_in_mind(place, environment, what).await?;
        let mut state = self.store.state_with(&[release.number]).await?;
        state
            .releases
            .entry(release.number)
            .or_insert_with(|| release.clone());
        let (manifest, environment) = self.own_manifest(&release, &environment.name)?;
        let plan = plan_deploy(&state, &manifest, &environment, &release);
        let candidate = Candidate {
            plan: &plan,
            trigger: &Trigger::Person,
            requested_by: &actor.to_string(),
            requested_at: now(),
            accepted: None,
            release: &release,
        };
        self.look_ahead(&mut state, &candidate).await;
        let gates = ask_gates(&state, &candidate, now());
        let pending = left_to_apply(&state, &plan, &release);
        Ok(previewed(&state, place, plan, release, gates, pending))
    }

    /// What a rollback would do, without doing any of it.
    pub async fn preview_rollback(
        &self,
        actor: &Actor,
        place: &Place,
        typed: &str,
        to: Option<ReleaseNumber>,
    ) -> Result<Preview, RequestError> {
        let plan = self.rollback_plan(place, typed, to).await?;
        let release = self.existing(plan.release).await?;
        let state = self.store.state_with(&[release.number]).await?;
        let candidate = Candidate {
            plan: &plan,
            trigger: &Trigger::Person,
            requested_by: &actor.to_string(),
            requested_at: now(),
            accepted: None,
            release: &release,
        };
        let gates = ask_gates(&state, &candidate, now());
        Ok(previewed(&state, place, plan, release, gates, Vec::new()))
    }

    pub(super) async fn command(
        &self,
        actor: &Actor,
        command: Command,
    ) -> Result<(), RequestError> {
        self.write(actor, &[command], None).await?;
        Ok(())
    }

    pub(super) async fn requested(
        &self,
        actor: &Actor,
        commands: &[Command],
    ) -> Result<Reply, RequestError> {
        let written = self.write(actor, commands, None).await?;
        let deployment = written.requested().ok_or_else(|| RequestError::Unclear {
            what: "nothing was requested".into(),
            help: "`towpath status` shows what is under way".into(),
        })?;
        Ok(Reply::Deployment {
            deployment,
            branch: None,
        })
    }

    async fn goes_on(
        &self,
        actor: &Actor,
        deployment: DeploymentNumber,
        command: Command,
    ) -> Result<Reply, RequestError> {
        self.command(actor, command).await?;
        Ok(Reply::Deployment {
            deployment,
            branch: None,
        })
    }

    /// Requests that a release be put into an environment, by the release's own manifest; and notes something else with it,
    /// both or neither.
    pub(super) async fn request(
        &self,
        actor: &Actor,
        environment: &EnvironmentName,
        release: &Release,
        trigger: Trigger,
        also: Option<Command>,
    ) -> Result<Reply, RequestError> {
        let (manifest, environment) = self.own_manifest(release, environment)?;
        let state = self.store.state().await?;
        let plan = Box::new(plan_deploy(&state, &manifest, &environment, release));
        let request = Command::Request { plan, trigger };
        let commands: Vec<Command> = std::iter::once(request).chain(also).collect();
        self.requested(actor, &commands).await
    }

    pub(super) fn own_manifest(
        &self,
        release: &Release,
        name: &EnvironmentName,
    ) -> Result<(Manifest, Environment), RequestError> {
        let manifest = self.manifest_of(release)?;
        let environment = manifest
            .environments
            .iter()
            .find(|e| e.name == *name)
            .cloned();
        let environment = environment.ok_or_else(|| RequestError::Unclear {
            what: format!(
                "the manifest of {} has no environment {name}",
                release.number
            ),
            help: "deploy a release whose towpath.toml has it".into(),
        })?;
        Ok((manifest, environment))
    }

    /// Builds a release outside any deployment.
    async fn build_release(
        &self,
        actor: &Actor,
        release: Release,
    ) -> Result<Release, RequestError> {
        let manifest = self.manifest_of(&release)?;
        let key = format!("{}.build.{}", release.number, now().0);
        let number = release.number;
        let outcome = self.build(&release, &manifest, &key).await;
        let (made, failure) = match &outcome {
            Outcome::Passed {
                receipt: Receipt::Built { artifacts },
                ..
            } => (Ok(artifacts.clone()), None),
            other => {
                let why = other.text().to_owned();
                let verdict = other.verdict().to_string();
                (
                    Err(why.clone()),
                    Some(RequestError::Build {
                        release: number,
                        verdict,
                        why,
                    }),
                )
            }
        };
        self.command(
            actor,
            Command::RecordBuild {
                release: number,
                made,
            },
        )
        .await?;
        match failure {
            Some(error) => Err(error),
            None => Ok(self.release(number).await?.unwrap_or(release)),
        }
    }

    async fn commit_for(
        &self,
        place: &Place,
        environment: &Environment,
        what: Option<&str>,
    ) -> Result<Commit, RequestError> {
        let branch = environment
            .branch
            .as_ref()
            .and_then(|pattern| pattern.exact());
        let local = place.work_tree.as_deref();
        Ok(match (what, branch) {
            (Some(revision), _) => self.mirror.resolve(revision, local).await?,
            // The branch as others see it, not as it is in somebody's work tree.
            (None, Some(branch)) => self.mirror.resolve(branch, None).await?,
            (None, None) => self.mirror.resolve("HEAD", local).await?,
        })
    }

    pub(super) async fn release_for(
        &self,
        actor: &Actor,
        place: &Place,
        environment: &Environment,
        what: Option<&str>,
    ) -> Result<Release, RequestError> {
        if let Some(number) = what.and_then(|what| what.parse::<ReleaseNumber>().ok()) {
            return self.existing(number).await;
        }
        let commit = self.commit_for(place, environment, what).await?;
        Ok(self.cut(actor, &commit).await?)
    }

    pub(super) async fn existing(&self, number: ReleaseNumber) -> Result<Release, RequestError> {
        Ok(self
            .release(number)
            .await?
            .ok_or(Refusal::NoSuchRelease(number))?)
    }

    /// The release that a deployment would be of; one that was never cut is described with the number it would get.
    async fn release_in_mind(
        &self,
        place: &Place,
        environment: &Environment,
        what: Option<&str>,
    ) -> Result<Release, RequestError> {
        if let Some(number) = what.and_then(|what| what.parse::<ReleaseNumber>().ok()) {
            return self.existing(number).await;
        }
        let commit = self.commit_for(place, environment, what).await?;
        let source = self.source_of(&commit).await?;
        let state = self.store.state().await?;
        let cut = self.store.releases_of(&commit).await?;
        Ok(
            match cut
                .into_iter()
                .find(|release| release.source.manifest == source.manifest)
            {
                Some(release) => release,
                None => Release {
                    number: ReleaseNumber(state.last_release + 1),
                    source,
                    cut_at: now(),
                    cut_by: String::new(),
                    artifacts: None,
                    vetoed: None,
                    verified: Default::default(),
                    rehearsal: None,
                },
            },
        )
    }

    pub(super) async fn rollback_plan(
        &self,
        place: &Place,
        typed: &str,
        to: Option<ReleaseNumber>,
    ) -> Result<Plan, RequestError> {
        let environment = place.environment(typed)?;
        let state = self.store.state().await?;
        let Some(number) = to else {
            let way = rollback_way(&state, &environment.name)?;
            return Ok(plan_return(way.standing, &way.undo));
        };
        // Warm instances are known by the state; what is older is in the store.
        let known = state.environments.get(&environment.name).and_then(|known| {
            known
                .verified
                .iter()
                .rev()
                .find(|standing| standing.release == number)
                .cloned()
        });
        let standing = match known {
            Some(standing) => Some(standing),
            None => self.store.standing(&environment.name, number).await?,
        };
        let standing = standing.ok_or_else(|| RequestError::Unclear {
            what: format!("{number} was never verified in {}", environment.name),
            help: format!("`towpath history {}` shows what was; `towpath deploy` takes a release anywhere its gates allow", environment.name),
        })?;
        let state = self.store.state_with(&[number]).await?;
        let release = self.existing(number).await?;
        let undo = reversals(&state, &environment.name, &release, &standing.launch);
        let undo = undo.map_err(|blocked| Refusal::from(NoReturn::Schema(blocked)))?;
        Ok(plan_return(&standing, &undo))
    }

    async fn promote(
        &self,
        actor: &Actor,
        place: &Place,
        from: &str,
        release: Option<ReleaseNumber>,
        to: Option<&str>,
    ) -> Result<Reply, RequestError> {
        let from = place.environment(from)?;
        let to = match to {
            Some(typed) => place.environment(typed)?,
            None => only_after(&place.manifest, from)?,
        };
        let state = self.store.state().await?;
        let number = match release {
            Some(number) => number,
            None => verified_in(&state, from)?,
        };
        let release = self.existing(number).await?;
        if !release.verified.contains_key(&from.name) {
            return Err(RequestError::Unclear {
                what: format!("{number} is not verified in {}", from.name),
                help: format!("`towpath status {}` shows what it still needs", from.name),
            });
        }
        // Before anything moves: whoever may not deploy there may not move its branch either.
        let policy = Policy::of(&place.manifest, to);
        if let Some(in_force) = &state.environment(&to.name).in_force {
            in_force.check(actor, towpath_core::path::Right::Deploy)?;
        }
        policy.check(actor, towpath_core::path::Right::Deploy)?;
        self.open_for(actor, &to.name, &release, &from.name).await?;
        // Otherwise the watcher could be quicker with a request of its own, for which nobody has asked.
        let _nobody_looks = self.branches.lock().await;
        let mut tip = None;
        let branch = match to.branch.as_ref().and_then(|pattern| pattern.exact()) {
            None => None,
            Some(branch) => {
                let commit = &release.source.commit;
                let short = commit.short();
                Some(match self.mirror.promote(commit, branch).await? {
                    Promoted::Already => format!("{branch} holds {short} already"),
                    Promoted::FastForward => {
                        tip = Some((branch, commit.clone()));
                        format!("{branch} was moved forward to {short}")
                    }
                    Promoted::Merge(merge) => {
                        let told = format!("{short} was merged into {branch} as {}", merge.short());
                        tip = Some((branch, merge));
                        told
                    }
                })
            }
        };
        // Noted with the request, so that the watcher does not take it for a push: by the time that it looks, the deployment may be over.
        // Unless the branch feeds others too, who get it as a push, and unless nobody watches.
        let is_watched = !state.branches.is_empty();
        let note = tip
            .filter(|(branch, _)| is_watched && place.manifest.fed_by(branch).count() == 1)
            .map(|(branch, commit)| Command::MoveBranch {
                branch: branch.to_owned(),
                commit: Some(commit),
            });
        failpoint::pass("the branch has moved");
        let trigger = Trigger::Promotion {
            from: from.name.clone(),
        };
        match self
            .request(actor, &to.name, &release, trigger, note)
            .await?
        {
            Reply::Deployment { deployment, .. } => Ok(Reply::Deployment { deployment, branch }),
            other => Ok(other),
        }
    }

    /// Checks that no gate refuses a promotion, before its branch is moved.
    async fn open_for(
        &self,
        actor: &Actor,
        to: &EnvironmentName,
        release: &Release,
        from: &EnvironmentName,
    ) -> Result<(), RequestError> {
        let (manifest, environment) = self.own_manifest(release, to)?;
        let mut state = self.store.state_with(&[release.number]).await?;
        let plan = plan_deploy(&state, &manifest, &environment, release);
        let candidate = Candidate {
            plan: &plan,
            trigger: &Trigger::Promotion { from: from.clone() },
            requested_by: &actor.to_string(),
            requested_at: now(),
            accepted: None,
            release,
        };
        self.look_ahead(&mut state, &candidate).await;
        match verdict_of_gates(&ask_gates(&state, &candidate, now())) {
            Answer::Refuse { reason, way_out } => Err(RequestError::Unclear {
                what: reason,
                help: way_out,
            }),
            Answer::Pass { .. } | Answer::Wait { .. } => Ok(()),
        }
    }

    /// The deployment that somebody means: by its number, or an environment's that is under way, or its last.
    pub async fn deployment_of(
        &self,
        place: &Place,
        typed: &str,
    ) -> Result<DeploymentNumber, RequestError> {
        if let Ok(number) = typed.parse::<DeploymentNumber>() {
            return Ok(number);
        }
        let environment = place.environment(typed)?;
        let state = self.store.state().await?;
        let known = state.environment(&environment.name);
        known
            .active
            .or(known.queue.first().copied())
            .or(known.last)
            .ok_or_else(|| RequestError::Unclear {
                what: format!("nothing was ever deployed to {}", environment.name),
                help: format!("`towpath deploy {}` does", environment.name),
            })
    }
}

/// What would be done, with where one can return to afterwards.
/// Who else uses the databases that a plan changes.
fn shared(manifest: &Manifest, plan: &Plan) -> Vec<String> {
    let changed = plan
        .steps
        .iter()
        .filter_map(|step| changed_by(&step.action));
    let told = |(database, home): (&DatabaseName, &EnvironmentName)| {
        let users = manifest.users_of(database, home);
        let others: Vec<&str> = users
            .filter(|name| **name != plan.environment)
            .map(|name| name.as_str())
            .collect();
        let others = (!others.is_empty()).then(|| others.join(", "))?;
        Some(format!("{database} of {home}, which {others} use as well"))
    };
    changed.filter_map(told).collect()
}

fn previewed(
    state: &State,
    place: &Place,
    plan: Plan,
    release: Release,
    gates: Vec<GateReport>,
    pending: Vec<String>,
) -> Preview {
    let after = once_settled(state, &plan, &release, now());
    let way = return_target(&after, &plan.environment, Some(release.number));
    let returns_by = way.iter().flat_map(|way| &way.undo);
    Preview {
        shared: shared(&place.manifest, &plan),
        returns_to: way.as_ref().ok().map(|way| way.standing.release),
        returns_by: returns_by.map(ToString::to_string).collect(),
        points_of_no_return: points_of_no_return(state, &plan, &release)
            .iter()
            .map(ToString::to_string)
            .collect(),
        safe_back_to: safe_back_to(&after, &plan.environment),
        no_return_because: match &way {
            Err(no_return @ NoReturn::Schema(_)) => Some(no_return.to_string()),
            _ => None,
        },
        gates,
        pending,
        release,
        plan,
    }
}

/// Migrations of a release that the databases do not have yet, as far as the journal knows.
fn left_to_apply(state: &State, plan: &Plan, release: &Release) -> Vec<String> {
    let mut all = Vec::new();
    for (database, home) in &plan.launch.databases {
        let applied = state.applied(home, database);
        for migration in pending(applied, release.migrations(database)) {
            all.push(format!("{database}: {}", migration.line()));
        }
    }
    all
}

fn only_after<'a>(
    manifest: &'a Manifest,
    from: &Environment,
) -> Result<&'a Environment, RequestError> {
    let after: Vec<&Environment> = manifest
        .environments
        .iter()
        .filter(|e| e.after.contains(&from.name))
        .collect();
    match after.as_slice() {
        [only] => Ok(only),
        [] => Err(RequestError::Unclear {
            what: format!("no environment comes after {}", from.name),
            help: format!(
                "an environment that does says `after = [\"{}\"]`",
                from.name
            ),
        }),
        many => Err(RequestError::Unclear {
            what: format!("{} environments come after {}", many.len(), from.name),
            help: format!(
                "say which: --to {}",
                many.iter()
                    .map(|e| e.name.as_str())
                    .collect::<Vec<_>>()
                    .join(" or --to ")
            ),
        }),
    }
}

fn verified_in(state: &State, from: &Environment) -> Result<ReleaseNumber, RequestError> {
    let known = state.environment(&from.name);
    known
        .verified
        .last()
        .map(|standing| standing.release)
        .ok_or_else(|| RequestError::Unclear {
            what: format!("no release is verified in {}", from.name),
            help: format!(
                "`towpath status {}` shows what is under way there",
                from.name
            ),
        })
}
