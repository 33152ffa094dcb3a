//! A deployment's phases as stations: which it has passed, where it is, which lie ahead.

use serde::Serialize;
use towpath_core::{
    Time,
    path::{Phase, Verdict, Waiting},
};

use super::words::{first_line, left, took};
use crate::engine::{DeploymentView, StepView};

/// Where a deployment is with a phase or a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Stand {
    /// It passed.
    Done,
    /// It is under way.
    Now,
    /// Somebody or something is waited for.
    Waits,
    /// It did not pass.
    Bad,
    /// It comes.
    Ahead,
    /// It never came to that.
    Missed,
}

/// A phase of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Station {
    pub(super) phase: &'static str,
    pub(super) stand: Stand,
    pub(super) took: Option<String>,
    /// What is being done, waited for, or went wrong.
    pub(super) note: Option<String>,
}

/// The stations of a deployment: those of its plan, after the admission that every one has.
pub(super) fn stations(view: &DeploymentView, now: Time) -> Vec<Station> {
    let mut stations = vec![admission(view, now)];
    for phase in Phase::ALL {
        let steps: Vec<&StepView> = view.steps.iter().filter(|s| s.phase == phase).collect();
        if phase != Phase::Admit && !steps.is_empty() {
            stations.push(station(view, phase, &steps, now));
        }
    }
    stations
}

/// How many of them are passed.
pub(super) fn passed(stations: &[Station]) -> usize {
    let done = |station: &&Station| station.stand == Stand::Done;
    stations.iter().filter(done).count()
}

fn admission(view: &DeploymentView, now: Time) -> Station {
    let phase = Phase::Admit.name();
    let (stand, note) = if view.phases.contains_key(phase) {
        (Stand::Done, None)
    } else if view.ended_at.is_some() {
        (Stand::Missed, None)
    } else {
        (Stand::Waits, view.waiting.as_ref().map(|w| waits(w, now)))
    };
    Station {
        phase,
        stand,
        took: view.phases.get(phase).map(|ms| took(*ms)),
        note,
    }
}

fn station(view: &DeploymentView, phase: Phase, steps: &[&StepView], now: Time) -> Station {
    let stands: Vec<Stand> = steps.iter().map(|step| stand(view, step)).collect();
    // The worst of them, or the one that it is at.
    let telling = [Stand::Bad, Stand::Waits, Stand::Now];
    let found = telling
        .iter()
        .find_map(|stand| stands.iter().position(|s| s == stand));
    let all = |stand: Stand| stands.iter().all(|s| *s == stand);
    let (stand, note) = match found {
        Some(at) => (stands[at], note(view, steps[at], stands[at], now)),
        None if all(Stand::Done) => (Stand::Done, None),
        None if all(Stand::Ahead) => (Stand::Ahead, None),
        // Between two of its steps.
        None if stands.contains(&Stand::Ahead) => (Stand::Now, None),
        None => (Stand::Missed, None),
    };
    Station {
        phase: phase.name(),
        stand,
        took: view.phases.get(phase.name()).map(|ms| took(*ms)),
        note,
    }
}

/// Where a deployment is with a step.
pub(super) fn stand(view: &DeploymentView, step: &StepView) -> Stand {
    let is_open = view.ended_at.is_none();
    let goes_forward = is_open && view.status != "undoing";
    let is_retried = goes_forward && view.waiting.as_ref().is_some_and(|w| w.until.is_some());
    match step.verdict {
        Some(Verdict::Passed) => Stand::Done,
        Some(Verdict::Errored) if is_retried => Stand::Waits,
        Some(_) => Stand::Bad,
        None if step.started_at.is_none() && goes_forward => Stand::Ahead,
        None if step.started_at.is_none() || !is_open => Stand::Missed,
        None if step.phase == Phase::SignOff && view.asked.is_some() => Stand::Waits,
        None => Stand::Now,
    }
}

fn note(view: &DeploymentView, step: &StepView, stand: Stand, now: Time) -> Option<String> {
    let said = step.said.as_deref().map(first_line);
    match stand {
        Stand::Now if step.backfill.is_some() => said,
        Stand::Now if step.tries > 1 => Some(format!("{}, try {}", step.what, step.tries)),
        Stand::Now => Some(step.what.clone()),
        Stand::Bad => said,
        Stand::Waits => {
            let waiting = view.waiting.as_ref().map(|waiting| waits(waiting, now));
            let parts: Vec<String> = said.into_iter().chain(waiting).collect();
            Some(parts.join("; ")).filter(|text| !text.is_empty())
        }
        Stand::Done | Stand::Ahead | Stand::Missed => None,
    }
}

/// For whom or what, and how long it is waited for.
pub(super) fn waits(waiting: &Waiting, now: Time) -> String {
    let mut text = format!("waits for {}", waiting.reason);
    if let Some(who) = &waiting.who {
        text.push_str(&format!(", from {who}"));
    }
    if let Some(until) = waiting.until {
        text.push_str(&format!(", for {} at most", left(until, now).text));
    }
    text
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use towpath_core::{
        names::{DeploymentNumber, ReleaseNumber},
        path::Kind,
    };

    use super::*;

    pub(in super::super) const NOW: Time = Time(1_000_000);

    pub(in super::super) fn step(
        phase: Phase,
        verdict: Option<Verdict>,
        has_begun: bool,
    ) -> StepView {
        StepView {
            id: format!("{phase}-1"),
            phase,
            what: format!("do {phase}"),
            verdict,
            said: verdict.map(|verdict| format!("{verdict}")),
            tries: u32::from(has_begun),
            started_at: has_begun.then_some(NOW),
            ms: verdict.map(|_| 10),
            backfill: None,
        }
    }

    pub(in super::super) fn view(steps: Vec<StepView>, status: &str) -> DeploymentView {
        let is_open = ["queued", "running", "undoing"].contains(&status);
        DeploymentView {
            version: 1,
            deployment: DeploymentNumber(7),
            kind: Kind::Deploy,
            environment: "staging".parse().unwrap(),
            release: ReleaseNumber(3),
            commit: "c".repeat(40),
            trigger: "asked for".into(),
            requested_by: "dana@acme.test".into(),
            requested_at: NOW,
            status: status.into(),
            why: None,
            ended_at: (!is_open).then_some(NOW),
            undone_by: None,
            points_of_no_return: Vec::new(),
            accepted: None,
            waiting: None,
            evidence: None,
            asked: None,
            signatures: Vec::new(),
            steps,
            phases: BTreeMap::from([("admit".to_owned(), 5)]),
        }
    }

    fn stands(view: &DeploymentView) -> Vec<(&'static str, Stand)> {
        let stations = stations(view, NOW);
        stations.iter().map(|s| (s.phase, s.stand)).collect()
    }

    #[test]
    fn it_is_where_the_first_step_is_that_has_not_passed() {
        let passed = Some(Verdict::Passed);
        let view = view(
            vec![
                step(Phase::Build, passed, true),
                step(Phase::Rollout, passed, true),
                step(Phase::Rollout, None, true),
                step(Phase::Test, None, false),
                step(Phase::Settle, None, false),
            ],
            "running",
        );
        assert_eq!(
            stands(&view),
            [
                ("admit", Stand::Done),
                ("build", Stand::Done),
                ("rollout", Stand::Now),
                ("test", Stand::Ahead),
                ("settle", Stand::Ahead)
            ]
        );
        assert_eq!(passed_of(&view), 2);
        let stations = stations(&view, NOW);
        assert_eq!(stations[2].note.as_deref(), Some("do rollout"));
    }

    fn passed_of(view: &DeploymentView) -> usize {
        passed(&stations(view, NOW))
    }

    #[test]
    fn between_two_steps_of_a_phase_it_is_in_that_phase() {
        let steps = vec![
            step(Phase::Smoke, Some(Verdict::Passed), true),
            step(Phase::Smoke, None, false),
        ];
        assert_eq!(stands(&view(steps, "running"))[1], ("smoke", Stand::Now));
    }

    #[test]
    fn what_failed_is_told_and_what_comes_after_it_was_missed() {
        let steps = vec![
            step(Phase::Test, Some(Verdict::Failed), true),
            step(Phase::Watch, None, false),
        ];
        for status in ["undoing", "failed"] {
            let view = view(steps.clone(), status);
            let stations = stations(&view, NOW);
            assert_eq!(
                stands(&view)[1..],
                [("test", Stand::Bad), ("watch", Stand::Missed)]
            );
            assert_eq!(stations[1].note.as_deref(), Some("failed"));
        }
    }

    #[test]
    fn a_signature_and_another_try_are_waited_for() {
        let mut view = view(vec![step(Phase::SignOff, None, true)], "running");
        view.asked = Some("qa".into());
        view.waiting = Some(Waiting {
            reason: "the signature \"qa\"".into(),
            who: Some("qa (quinn@acme.test)".into()),
            until: Some(Time(NOW.0 + 120_000)),
        });
        let station = stations(&view, NOW).remove(1);
        assert_eq!(station.stand, Stand::Waits);
        let expected =
            "waits for the signature \"qa\", from qa (quinn@acme.test), for 2 min at most";
        assert_eq!(station.note.as_deref(), Some(expected));

        view.steps = vec![step(Phase::Test, Some(Verdict::Errored), true)];
        view.asked = None;
        assert_eq!(stands(&view)[1], ("test", Stand::Waits));
    }

    #[test]
    fn whoever_is_not_admitted_waits_or_never_came_in() {
        let mut waiting = view(vec![step(Phase::Build, None, false)], "queued");
        waiting.phases.clear();
        assert_eq!(
            stands(&waiting),
            [("admit", Stand::Waits), ("build", Stand::Ahead)]
        );
        let mut refused = view(vec![step(Phase::Build, None, false)], "refused");
        refused.phases.clear();
        assert_eq!(
            stands(&refused),
            [("admit", Stand::Missed), ("build", Stand::Missed)]
        );
    }
}
