//! Watch: asks every probe again and again until the window closes, or until one has failed too often in a row.

use futures_util::{StreamExt, stream::FuturesUnordered};
use towpath_core::{
    Time,
    manifest::{Probe, ProbeCheck, Watch},
    path::{Actor, Command, Outcome},
    runner::JobSpec,
    target::Traffic,
    time::human,
};

use super::{Attempt, errored, from_target, passed, test};
use crate::{
    clock::now,
    engine::http::{self, Found},
};

pub(super) async fn perform(attempt: &Attempt<'_>, watch: &Watch) -> Outcome {
    // From the attempt's start in the journal: a restart neither extends nor repeats the window.
    let until = attempt.started_at + watch.window;
    let mut probes: FuturesUnordered<_> = watch
        .probes
        .iter()
        .enumerate()
        .map(|(index, probe)| Observer::new(attempt, index, probe).run(until))
        .collect();
    let mut looks = 0;
    while let Some(ended) = probes.next().await {
        match ended {
            Ok(more) => looks += more,
            Err(outcome) => return outcome,
        }
    }
    passed(format!(
        "{looks} looks in {}, nothing found",
        human(watch.window)
    ))
}

struct Observer<'a> {
    attempt: &'a Attempt<'a>,
    index: u32,
    probe: &'a Probe,
    failures: u32,
    looks: u32,
    before: Option<Traffic>,
}

impl<'a> Observer<'a> {
    fn new(attempt: &'a Attempt<'a>, index: usize, probe: &'a Probe) -> Self {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        let failures = attempt
            .deployment
            .attempt()
            .and_then(|running| running.probes.get(&index).copied())
            .unwrap_or(0);
        Observer {
            attempt,
            index,
            probe,
            failures,
            looks: 0,
            before: None,
        }
    }

    /// Looks until the window closes, and at least once, also when it closed while nobody looked.
    async fn run(mut self, until: Time) -> Result<u32, Outcome> {
        loop {
            let began = now();
            if let Err(finding) = self.look().await? {
                self.failures += 1;
                self.attempt.cause.set(finding.clone());
                self.record(&finding).await?;
                if self.failures >= self.probe.max_failures {
                    let times = if self.failures == 1 {
                        "once".into()
                    } else {
                        format!("{} times in a row", self.failures)
                    };
                    return Err(Outcome::Failed {
                        finding: format!("{finding} ({times})"),
                    });
                }
            } else if self.failures > 0 {
                self.failures = 0;
                self.record("it passed again").await?;
            }
            self.looks += 1;
            let next = began + self.probe.every;
            // The window does not close on a failure: the next looks say whether it was one too many. Without that, a bad
            // release would pass whose window had closed while nobody looked.
            if next >= until && self.failures == 0 {
                let rest = until.since(now());
                tokio::time::sleep(rest).await;
                return Ok(self.looks);
            }
            tokio::time::sleep(next.since(now())).await;
        }
    }

    async fn record(&self, finding: &str) -> Result<(), Outcome> {
        let command = Command::RecordProbe {
            deployment: self.attempt.deployment.number,
            key: self.attempt.key.to_owned(),
            probe: self.index,
            failures: self.failures,
            finding: finding.to_owned(),
        };
        let engine = self.attempt.engine;
        engine
            .write(&Actor::Towpath, &[command], Some(self.attempt.lease))
            .await
            .map_err(errored)?;
        Ok(())
    }

    /// One look: `Ok(Err(finding))` when it said no. A look that could not be taken counts as one that found nothing good:
    /// users could not take it either.
    async fn look(&mut self) -> Result<Result<(), String>, Outcome> {
        match &self.probe.check {
            ProbeCheck::Http(check) => {
                let address = match self.attempt.address(&check.service).await {
                    Ok(address) => address,
                    Err(outcome) => return Ok(Err(outcome.text().to_owned())),
                };
                Ok(match http::check(address, check).await {
                    Found::AsExpected(_) => Ok(()),
                    Found::Otherwise(finding) | Found::Nothing(finding) => Err(finding),
                    Found::Answer { finding, body } => {
                        Err(self.attempt.with_answer(finding, &body).await)
                    }
                })
            }
            ProbeCheck::ErrorRatio { service, max } => {
                let environment = &self.attempt.deployment.plan.environment;
                let traffic = self
                    .attempt
                    .engine
                    .target
                    .traffic(environment)
                    .await
                    .map_err(from_target)?;
                let Some(traffic) = traffic.into_iter().find(|t| t.service == *service) else {
                    return Ok(Err(format!("{service} has no traffic to look at")));
                };
                let before = self.before.replace(traffic.clone());
                Ok(ratio(before.as_ref(), &traffic, *max))
            }
            ProbeCheck::Command(check) => {
                let runner = &self.attempt.engine.runner;
                let handover = test::command_handover(self.attempt).await?;
                let spec = JobSpec {
                    key: format!("{}.probe-{}.{}", self.attempt.key, self.index + 1, now().0),
                    command: check.run.clone(),
                    directory: test::tree(self.attempt).await?,
                    variables: handover.variables,
                    secrets: handover.secrets,
                    credentials: handover.credentials,
                };
                runner.start(&spec).await.map_err(from_target)?;
                let ended = tokio::time::timeout(check.within, runner.ended(&spec.key)).await;
                let found = match ended {
                    Ok(state) => {
                        match test::verdict(&check.run, state.map_err(from_target)?, || None) {
                            Outcome::Passed { .. } => Ok(()),
                            other => Err(other.text().to_owned()),
                        }
                    }
                    Err(_) => {
                        runner.cancel(&spec.key).await.map_err(from_target)?;
                        Err(format!(
                            "`{}` did not end within {}",
                            check.run,
                            human(check.within)
                        ))
                    }
                };
                runner.forget(&spec.key).await.map_err(from_target)?;
                Ok(found)
            }
        }
    }
}

/// Compares two looks at a service's traffic.
fn ratio(before: Option<&Traffic>, after: &Traffic, max: f64) -> Result<(), String> {
    let Some(before) = before else { return Ok(()) };
    // A proxy that was restarted counts from zero again.
    let requests = after
        .requests
        .checked_sub(before.requests)
        .unwrap_or(after.requests);
    let errors = after
        .errors
        .checked_sub(before.errors)
        .unwrap_or(after.errors);
    if requests == 0 {
        return Ok(());
    }
    let share = errors as f64 / requests as f64;
    if share <= max {
        return Ok(());
    }
    Err(format!(
        "{errors} of {requests} requests to {} failed: {:.2} % is over {:.2} %",
        after.service,
        share * 100.0,
        max * 100.0
    ))
}
