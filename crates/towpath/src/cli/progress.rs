//! A deployment as it goes: on a terminal a line that moves, elsewhere a line for each thing that happened.

use std::{collections::BTreeSet, io::IsTerminal, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use towpath_core::{
    names::DeploymentNumber,
    path::{Backfill, Verdict},
    time::human,
};

use super::style::{self, Paint};
use crate::engine::{DeploymentView, StepView};

/// What was shown so far.
pub struct Progress {
    paint: Paint,
    bar: Option<ProgressBar>,
    told: BTreeSet<(DeploymentNumber, String)>,
}

impl Progress {
    /// On standard error.
    pub fn new() -> Progress {
        let terminal = std::io::stderr().is_terminal();
        Progress {
            paint: style::of_stderr(),
            bar: terminal.then(|| {
                let bar =
                    ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
                let style = ProgressStyle::with_template("  {spinner} {wide_msg} {elapsed:>6}");
                bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
                bar.enable_steady_tick(Duration::from_millis(100));
                bar
            }),
            told: BTreeSet::new(),
        }
    }

    /// Shows what is new.
    pub fn show(&mut self, view: &DeploymentView) {
        let number = view.deployment;
        self.once(number, "head", || {
            format!(
                "{number} {} {} ({}) {} {}, {} by {}",
                view.kind,
                view.release,
                view.commit.get(..10).unwrap_or(&view.commit),
                if view.kind == towpath_core::path::Kind::Rollback {
                    "in"
                } else {
                    "to"
                },
                view.environment,
                view.trigger,
                view.requested_by
            )
        });
        for step in &view.steps {
            if let Some(verdict) = step.verdict {
                let line = self.step(step, verdict);
                self.once(number, &format!("{}.{}", step.id, step.tries), || line);
            } else if let Some(backfill) = &step.backfill {
                self.backfill(number, step, backfill);
            }
        }
        if let Some(bar) = &self.bar {
            bar.set_message(current(view));
        }
    }

    /// Every tenth of it, where no line can move; that it rests, anywhere.
    fn backfill(&mut self, number: DeploymentNumber, step: &StepView, backfill: &Backfill) {
        if self.bar.is_some() && backfill.paused.is_none() {
            return;
        }
        let tenth = backfill.percent() / 10;
        let paused = backfill.paused.is_some();
        let what = format!("{}.{}.{paused}.{tenth}", step.id, backfill.migration);
        let line = format!(
            "  {} {:<9} {}",
            self.paint.dim("…"),
            step.phase,
            style::plain(&backfill.to_string())
        );
        self.once(number, &what, || line);
    }

    /// Shows what is under way, where a line can move.
    pub fn say(&mut self, what: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(what.to_owned());
        }
    }

    fn once(&mut self, number: DeploymentNumber, what: &str, line: impl FnOnce() -> String) {
        if self.told.insert((number, what.to_owned())) {
            let line = line();
            match &self.bar {
                Some(bar) => {
                    bar.println(line);
                    bar.reset_elapsed();
                }
                None => eprintln!("{line}"),
            }
        }
    }

    fn step(&self, step: &StepView, verdict: Verdict) -> String {
        let mark = match verdict {
            Verdict::Passed => self.paint.good("✓"),
            Verdict::Failed => self.paint.bad("✗"),
            Verdict::Errored => self.paint.bad("!"),
            Verdict::Inconclusive => self.paint.waits("?"),
        };
        let took = step
            .ms
            .map_or(String::new(), |ms| human(Duration::from_millis(ms)));
        let said = style::plain(step.said.as_deref().unwrap_or_default());
        let took = self.paint.dim(&format!("{took:>7}"));
        format!("  {mark} {:<9} {:<16} {took}  {said}", step.phase, step.id)
    }

    /// Takes the moving line away.
    pub fn close(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn current(view: &DeploymentView) -> String {
    if let Some(waiting) = &view.waiting {
        return format!("waits for {}", waiting.reason);
    }
    match view
        .steps
        .iter()
        .find(|step| step.verdict != Some(Verdict::Passed))
    {
        Some(step) if view.ended_at.is_none() => match &step.backfill {
            Some(backfill) => format!("{}  {}", step.phase, style::plain(&backfill.to_string())),
            None => format!("{}  {}", step.phase, step.what),
        },
        _ => String::new(),
    }
}
