//! Faults that a test injects: errors, delays, and gates at which a call waits.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;
use towpath_core::target::TargetError;

/// The kinds of calls that faults apply to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Call {
    /// Starting an instance or a job.
    Start,
    /// Asking what became of one.
    Observe,
    /// Checking health.
    Check,
    /// Moving traffic.
    Route,
    /// Asking about traffic.
    Traffic,
    /// Stopping an instance, cancelling a job.
    Stop,
    /// Listing instances.
    Instances,
}

/// What waits to go wrong.
#[derive(Debug, Default)]
pub(super) struct Faults {
    inner: Mutex<BTreeMap<Call, Plan>>,
}

#[derive(Debug, Default)]
struct Plan {
    calls: usize,
    before: BTreeMap<usize, TargetError>,
    after: BTreeMap<usize, TargetError>,
    delay: Duration,
    gate: Option<Arc<GateState>>,
}

/// Where calls of one kind wait until the test lets them go on.
#[derive(Debug)]
pub struct Gate(Arc<GateState>);

#[derive(Debug, Default)]
struct GateState {
    open: tokio::sync::watch::Sender<bool>,
    reached: Notify,
}

impl Gate {
    /// Waits until a call stands at the gate; it has had no effect yet.
    pub async fn reached(&self) {
        self.0.reached.notified().await;
    }

    /// Lets every call through, now and later.
    pub fn open(&self) {
        self.0.open.send_replace(true);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.open();
    }
}

impl Faults {
    fn with<T>(&self, call: Call, change: impl FnOnce(&mut Plan) -> T) -> T {
        let mut plans = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        change(plans.entry(call).or_default())
    }

    /// The `nth` call from now (1 is the next one) fails without any effect.
    pub(super) fn fail(&self, call: Call, nth: usize, error: TargetError) {
        self.with(call, |plan| plan.before.insert(plan.calls + nth, error));
    }

    /// The `nth` call from now has its effect, and still fails: the answer got lost.
    pub(super) fn fail_after_effect(&self, call: Call, nth: usize, error: TargetError) {
        self.with(call, |plan| plan.after.insert(plan.calls + nth, error));
    }

    /// Calls take so long from now on.
    pub(super) fn delay(&self, call: Call, delay: Duration) {
        self.with(call, |plan| plan.delay = delay);
    }

    pub(super) fn gate(&self, call: Call) -> Gate {
        let gate = Arc::new(GateState::default());
        self.with(call, |plan| plan.gate = Some(gate.clone()));
        Gate(gate)
    }

    /// Counts a call, waits as planned, and fails if that is planned; returns the failure planned for afterwards.
    pub(super) async fn meet(&self, call: Call) -> Result<Option<TargetError>, TargetError> {
        let (before, after, delay, gate) = self.with(call, |plan| {
            plan.calls += 1;
            (
                plan.before.remove(&plan.calls),
                plan.after.remove(&plan.calls),
                plan.delay,
                plan.gate.clone(),
            )
        });
        if let Some(gate) = gate {
            gate.reached.notify_one();
            // An error would mean that the gate is gone, and it is held here.
            let _ = gate.open.subscribe().wait_for(|open| *open).await;
        }
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        match before {
            Some(error) => Err(error),
            None => Ok(after),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gone() -> TargetError {
        TargetError::Unavailable("gone".into())
    }

    #[tokio::test]
    async fn only_the_nth_call_fails() {
        let faults = Faults::default();
        assert_eq!(faults.meet(Call::Route).await, Ok(None));
        faults.fail(Call::Route, 2, gone());
        faults.fail_after_effect(Call::Route, 3, gone());
        assert_eq!(faults.meet(Call::Start).await, Ok(None));
        assert_eq!(faults.meet(Call::Route).await, Ok(None));
        assert_eq!(faults.meet(Call::Route).await, Err(gone()));
        assert_eq!(faults.meet(Call::Route).await, Ok(Some(gone())));
        assert_eq!(faults.meet(Call::Route).await, Ok(None));
    }

    #[tokio::test]
    async fn a_call_waits_at_its_gate_and_then_takes_its_time() {
        let faults = Arc::new(Faults::default());
        faults.delay(Call::Stop, Duration::from_millis(20));
        let gate = faults.gate(Call::Stop);
        let call = tokio::spawn({
            let faults = faults.clone();
            async move { faults.meet(Call::Stop).await }
        });
        gate.reached().await;
        assert!(!call.is_finished());
        gate.open();
        let begun = tokio::time::Instant::now();
        assert_eq!(call.await.unwrap(), Ok(None));
        assert!(begun.elapsed() >= Duration::from_millis(20));
        assert_eq!(faults.meet(Call::Stop).await, Ok(None));
    }
}
