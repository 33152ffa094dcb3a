//! The runner in memory: jobs end when and as the test says.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::watch;
use towpath_core::{
    runner::{JobSpec, JobState, Runner},
    target::{BoxFuture, TargetError},
};

use super::faults::{Call, Faults, Gate};

/// A runner in memory. A command without an answer succeeds at once.
#[derive(Debug, Default)]
pub struct FakeRunner {
    faults: Faults,
    jobs: Mutex<Jobs>,
    changed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Jobs {
    known: BTreeMap<String, (JobSpec, JobState)>,
    answers: Vec<(String, JobState)>,
    started: Vec<JobSpec>,
}

impl FakeRunner {
    /// A runner whose jobs succeed.
    pub fn new() -> FakeRunner {
        FakeRunner::default()
    }

    /// Jobs whose command contains `part` come out like this from now on; [`JobState::Running`] lets them run until
    /// [`FakeRunner::finish`]. The latest answer counts.
    pub fn answer(&self, part: &str, state: JobState) {
        self.jobs().answers.push((part.to_owned(), state));
    }

    /// A job comes out like this now.
    pub fn finish(&self, key: &str, state: JobState) {
        if let Some((_, known)) = self.jobs().known.get_mut(key) {
            *known = state;
        }
        self.changed.send_modify(|count| *count += 1);
    }

    /// Everything that was really started, in order.
    pub fn started(&self) -> Vec<JobSpec> {
        self.jobs().started.clone()
    }

    /// Waits until a job with this command has been started.
    pub async fn has_started(&self, part: &str) -> JobSpec {
        let mut changes = self.changed.subscribe();
        loop {
            let found = self
                .jobs()
                .started
                .iter()
                .find(|job| job.command.contains(part))
                .cloned();
            if let Some(job) = found {
                return job;
            }
            // The sender is ours: it cannot be gone.
            let _ = changes.changed().await;
        }
    }

    /// The `nth` call from now (1 is the next one) fails without any effect.
    pub fn fail(&self, call: Call, nth: usize, error: TargetError) {
        self.faults.fail(call, nth, error);
    }

    /// The `nth` call from now has its effect, and still fails: the answer got lost.
    pub fn fail_after_effect(&self, call: Call, nth: usize, error: TargetError) {
        self.faults.fail_after_effect(call, nth, error);
    }

    /// Calls take so long from now on.
    pub fn delay(&self, call: Call, delay: Duration) {
        self.faults.delay(call, delay);
    }

    /// Makes calls wait until the test lets them go on.
    pub fn gate(&self, call: Call) -> Gate {
        self.faults.gate(call)
    }

    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self, key: &str) -> JobState {
        self.jobs()
            .known
            .get(key)
            .map_or(JobState::Absent, |(_, state)| state.clone())
    }

    fn begin(&self, spec: &JobSpec) {
        let mut jobs = self.jobs();
        if jobs.known.contains_key(&spec.key) {
            return;
        }
        let state = jobs
            .answers
            .iter()
            .rev()
            .find(|(part, _)| spec.command.contains(part))
            .map_or_else(succeeded, |(_, state)| state.clone());
        jobs.started.push(spec.clone());
        jobs.known.insert(spec.key.clone(), (spec.clone(), state));
        drop(jobs);
        self.changed.send_modify(|count| *count += 1);
    }

    fn cancelled(&self, key: &str) {
        if self.state(key) == JobState::Running {
            let state = JobState::Exited {
                code: None,
                status: "stopped (killed by signal 15)".into(),
                tail: String::new(),
            };
            self.finish(key, state);
        }
    }

    async fn perform<T>(&self, call: Call, act: impl FnOnce() -> T) -> Result<T, TargetError> {
        let lost_answer = self.faults.meet(call).await?;
        let done = act();
        match lost_answer {
            Some(error) => Err(error),
            None => Ok(done),
        }
    }
}

fn succeeded() -> JobState {
    JobState::Exited {
        code: Some(0),
        status: "exit status 0".into(),
        tail: String::new(),
    }
}

impl Runner for FakeRunner {
    fn start<'a>(&'a self, spec: &'a JobSpec) -> BoxFuture<'a, Result<(), TargetError>> {
        Box::pin(self.perform(Call::Start, || self.begin(spec)))
    }

    fn observe<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<JobState, TargetError>> {
        Box::pin(self.perform(Call::Observe, || self.state(key)))
    }

    fn ended<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<JobState, TargetError>> {
        Box::pin(async move {
            let mut changes = self.changed.subscribe();
            loop {
                match self.state(key) {
                    JobState::Running => {}
                    over => return Ok(over),
                }
                // The sender is ours: it cannot be gone.
                let _ = changes.changed().await;
            }
        })
    }

    fn cancel<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), TargetError>> {
        Box::pin(self.perform(Call::Stop, || self.cancelled(key)))
    }

    fn forget<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), TargetError>> {
        Box::pin(async move {
            match self.state(key) {
                JobState::Running => Err(TargetError::Unavailable("it still runs".into())),
                _ => {
                    self.jobs().known.remove(key);
                    Ok(())
                }
            }
        })
    }

    fn output(&self, key: &str) -> PathBuf {
        PathBuf::from("/nonexistent").join(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(key: &str, command: &str) -> JobSpec {
        JobSpec {
            key: key.into(),
            command: command.into(),
            directory: "/".into(),
            variables: BTreeMap::new(),
            secrets: BTreeMap::new(),
            credentials: BTreeMap::new(),
        }
    }

    #[tokio::test]
    async fn a_job_runs_until_the_test_says_otherwise() {
        let runner = FakeRunner::new();
        runner.answer("test", JobState::Running);
        runner.start(&job("a", "run test")).await.unwrap();
        runner.start(&job("a", "run test")).await.unwrap();
        assert_eq!(runner.started().len(), 1);
        assert_eq!(runner.observe("a").await.unwrap(), JobState::Running);
        let (ended, ()) = tokio::join!(runner.ended("a"), async {
            runner.finish("a", JobState::Lost { tail: "x".into() });
        });
        assert_eq!(ended.unwrap(), JobState::Lost { tail: "x".into() });
        runner.start(&job("b", "build")).await.unwrap();
        assert_eq!(runner.ended("b").await.unwrap(), succeeded());
        assert_eq!(runner.observe("c").await.unwrap(), JobState::Absent);
    }

    #[tokio::test]
    async fn an_answer_can_get_lost() {
        let runner = FakeRunner::new();
        let gone = TargetError::Unavailable("gone".into());
        runner.fail(Call::Start, 1, gone.clone());
        runner.fail_after_effect(Call::Start, 2, gone.clone());
        let job = job("a", "build");
        assert_eq!(runner.start(&job).await, Err(gone.clone()));
        assert_eq!(runner.observe("a").await.unwrap(), JobState::Absent);
        assert_eq!(runner.start(&job).await, Err(gone));
        assert_eq!(runner.observe("a").await.unwrap(), succeeded());
        assert_eq!(runner.start(&job).await, Ok(()));
        assert_eq!(runner.started().len(), 1);
    }
}
