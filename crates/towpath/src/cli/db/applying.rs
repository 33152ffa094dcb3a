//! Migrations as they are applied by hand: a line for each thing that happens, a bar for a backfill, and Ctrl-C to pause it.

use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use towpath_migrate::{Batched, Event, Pause, Version};

use crate::cli::style;

/// How often a backfill is told of where no bar can move.
const EVERY: Duration = Duration::from_secs(10);

/// What was shown so far.
pub struct Applying {
    is_terminal: bool,
    bar: Option<ProgressBar>,
    told: Option<Instant>,
}

impl Applying {
    /// On standard error.
    pub fn new() -> Applying {
        Applying {
            is_terminal: std::io::stderr().is_terminal(),
            bar: None,
            told: None,
        }
    }

    /// Tells an event of applying or undoing.
    pub fn tell(&mut self, event: &Event) {
        if let Event::Advanced {
            version,
            name,
            batched,
        } = event
        {
            return self.advance(&title(*version, name), batched);
        }
        self.close();
        let line = match event {
            Event::Waiting { holder } => format!("waits for {}", style::plain(holder)),
            Event::Adopted { versions } => format!("took over {} migrations", versions.len()),
            Event::Started { version, name } => format!("applies {}", title(*version, name)),
            Event::Applied { receipt } => format!(
                "applied {} in {} ms",
                title(receipt.version, &receipt.name),
                receipt.took_ms
            ),
            Event::AlreadyApplied { receipt } => format!(
                "{} was applied by {}",
                title(receipt.version, &receipt.name),
                style::plain(&receipt.applied_by)
            ),
            Event::Undoing { version, name } => format!("undoes {}", title(*version, name)),
            Event::Undone { receipt } => {
                format!("undid {}", title(receipt.version, &receipt.name))
            }
            _ => return,
        };
        // In one piece: there may be thousands.
        eprint!("{}", line + "\n");
    }

    fn advance(&mut self, title: &str, batched: &Batched) {
        let total = batched.total.max(batched.rows);
        if self.is_terminal {
            let bar = self.bar.get_or_insert_with(|| bar(title, batched));
            bar.set_length(total);
            bar.set_position(batched.rows);
            return;
        }
        let is_due = self.told.is_none_or(|told| told.elapsed() >= EVERY);
        if is_due || batched.rows == total {
            self.told = Some(Instant::now());
            eprintln!("{title}: {} of {} rows", batched.rows, batched.total);
        }
    }

    /// Takes the bar away.
    pub fn close(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        self.told = None;
    }
}

fn bar(title: &str, batched: &Batched) -> ProgressBar {
    let target = ProgressDrawTarget::stderr_with_hz(5);
    let bar = ProgressBar::with_draw_target(Some(batched.total), target);
    let template = "  {msg} {wide_bar} {pos} of {len} rows, {eta} left";
    let style = ProgressStyle::with_template(template);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(title.to_owned());
    // What earlier runs have done says nothing of how fast this one is.
    bar.set_position(batched.rows);
    bar.reset_eta();
    bar
}

fn title(version: Version, name: &str) -> String {
    style::plain(&towpath_migrate::title(version, name))
}

/// Has what is applied pause at Ctrl-C; a second one ends the process where it is, which does no harm either.
pub fn pause_at_interrupt(pause: &Pause) -> tokio::task::JoinHandle<()> {
    let pause = pause.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            pause.ask();
            eprintln!(
                "\nstops after this batch; Ctrl-C again stops at once, and takes this batch back"
            );
        }
        if tokio::signal::ctrl_c().await.is_ok() {
            std::process::exit(130);
        }
    })
}
