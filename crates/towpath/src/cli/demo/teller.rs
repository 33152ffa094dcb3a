//! How the story is told: a line for each thing that happens, and one that moves while something goes on.

use std::{
    io::{IsTerminal, Write},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use tokio::sync::mpsc::UnboundedReceiver;
use towpath_core::{path::Verdict, time::human};

use super::{
    super::{
        style::{self, Paint},
        table::shown,
    },
    table,
};
use crate::{
    demo::{Description, Report, Told},
    engine::DeploymentView,
};

/// How wide the column of those who act is.
const WHO: usize = 8;

/// How far in it stands what they do.
const INDENT: usize = WHO + 3;

/// Shows what is told: for people on standard output, or on standard error when that is for the report.
pub(super) struct Teller {
    json: bool,
    paint: Paint,
    width: usize,
    bar: Option<ProgressBar>,
}

impl Teller {
    pub(super) fn new(json: bool) -> Teller {
        let (paint, terminal, target) = if json {
            let target = ProgressDrawTarget::stderr_with_hz(10);
            (style::of_stderr(), std::io::stderr().is_terminal(), target)
        } else {
            let target = ProgressDrawTarget::stdout_with_hz(10);
            (style::of_stdout(), std::io::stdout().is_terminal(), target)
        };
        let size = match json {
            true => terminal_size::terminal_size_of(std::io::stderr()),
            false => terminal_size::terminal_size_of(std::io::stdout()),
        };
        Teller {
            json,
            paint,
            width: size.map_or(120, |(width, _)| usize::from(width.0)),
            bar: terminal.then(|| moving(target)),
        }
    }

    pub(super) async fn listen(mut self, mut told: UnboundedReceiver<Told>) {
        while let Some(told) = told.recv().await {
            self.show(told);
        }
        self.rests();
    }

    fn show(&mut self, told: Told) {
        match told {
            Told::Begins(at) => self.begins(&at),
            Told::Chapter { release, title } => {
                self.line("");
                self.line(&self.paint.strong(&format!("{release}: {title}")));
            }
            Told::Does { who, what } => self.does(who, &what),
            Told::Good(text) => self.came_of_it(&self.paint.good("✓"), &text),
            Told::Refused(text) => self.came_of_it(&self.paint.bad("✗"), &text),
            Told::Awaits(what) => self.moves(format!("waits for {what}")),
            Told::UnderWay(view) => self.moves(under_way(&view)),
            Told::Stands(view) => self.stands(&view),
            Told::Aside(text) => self.line(&self.paint.dim(&text)),
            Told::Ends(report) => {
                self.rests();
                self.ends(&report);
            }
            Told::Stays(at) => self.stays(&at),
            Told::CleaningUp => {
                self.rests();
                self.line(&self.paint.dim("\ncleaning up …"));
            }
            Told::Gone => self.line(&self.paint.dim("everything has ended, and nothing is left")),
        }
    }

    /// Shows what goes on in the line that moves.
    fn moves(&self, what: String) {
        if let Some(bar) = &self.bar
            && bar.message() != what
        {
            bar.set_message(what);
            bar.reset_elapsed();
        }
    }

    /// Nothing moves any more.
    fn rests(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            // Nobody has to listen.
            None => {
                let _ = match self.json {
                    true => writeln!(std::io::stderr(), "{text}"),
                    false => writeln!(std::io::stdout(), "{text}"),
                };
            }
        }
    }

    /// A line with what follows indented as its text is.
    fn indented(&self, head: &str, indent: usize, text: &str) {
        for (number, line) in wrapped(text, self.width.saturating_sub(indent))
            .iter()
            .enumerate()
        {
            match number {
                0 => self.line(&format!("{head}{line}")),
                _ => self.line(&format!("{:indent$}{line}", "")),
            }
        }
    }

    fn begins(&self, at: &Description) {
        let names = |name: &str, text: String| {
            self.line(&format!(
                "  {} {text}",
                self.paint.dim(&format!("{name:<WHO$}"))
            ));
        };
        self.line(&self.paint.strong(
            "A guestbook, from a laptop to production: three releases, the third a bad one",
        ));
        self.line("");
        names("git", at.repository.display().to_string());
        names("page", format!("{} (read-only, live)", at.page));
        names("cache", at.cache.display().to_string());
        if at.is_first {
            self.line("");
            self.line(
                &self.paint.waits(
                    "The first run builds the guestbook's dependencies: a minute or so, once.",
                ),
            );
        }
    }

    fn does(&self, who: &str, what: &str) {
        let head = format!("  {} ", self.paint.strong(&format!("{who:<WHO$}")));
        self.indented(&head, INDENT, what);
    }

    fn came_of_it(&self, mark: &str, text: &str) {
        self.indented(&format!("{:INDENT$}{mark} ", ""), INDENT + 2, text);
    }

    fn stands(&self, view: &DeploymentView) {
        let (mark, outcome) = match (view.status.as_str(), &view.asked) {
            (_, Some(name)) => (
                self.paint.good("✓"),
                self.paint.waits(&format!("tested; waits for {name:?}")),
            ),
            ("settled", _) => (self.paint.good("✓"), self.paint.good("verified")),
            (status, _) => (self.paint.bad("✗"), self.paint.bad(status)),
        };
        self.came_of_it(
            &mark,
            &format!(
                "{} {} {outcome}  {}",
                view.release,
                view.environment,
                self.paint.dim(&how(view))
            ),
        );
        if view.status != "settled"
            && view.asked.is_none()
            && let Some(why) = &view.why
        {
            for line in style::plain(why).lines() {
                self.indented(&format!("{:1$}", "", INDENT + 2), INDENT + 4, line);
            }
        }
    }

    fn ends(&self, report: &Report) {
        if self.json {
            // Whoever reads it may be gone.
            let _ = writeln!(std::io::stdout(), "{}", json!(report));
        }
        self.line("");
        for line in table::of(&report.releases, self.paint, self.width) {
            self.line(&line);
        }
        self.line("");
        let requests = &report.requests;
        let failed = match requests.failed {
            0 => self.paint.good("0 failed"),
            failed => self.paint.bad(&format!("{failed} failed")),
        };
        self.fact(
            "requests",
            &format!("{} sent to production, {failed}", requests.sent),
        );
        for cause in &requests.causes {
            self.fact("", cause);
        }
        if let Some(back) = &report.rollback {
            self.fact(
                "rollback",
                &format!(
                    "{} to {} by the {}: every new request went to {} {} after the verdict; the last visitor saw {} {} after it",
                    back.release,
                    back.to,
                    back.triggered_by,
                    back.to,
                    self.paint.good(&human(ms_of(back.ms))),
                    back.release,
                    human(ms_of(back.last_seen_ms)),
                ),
            );
        }
        self.fact(
            "journal",
            &format!("{} records, every hash in its place", report.records),
        );
        self.fact("time", &human(Duration::from_secs_f64(report.seconds)));
        if let Some(trouble) = &report.error {
            self.line("");
            self.line(&format!(
                "{} {}",
                self.paint.bad("not as told:"),
                // The rest was told where it happened.
                style::plain(trouble.message.lines().next().unwrap_or_default())
            ));
            self.line(&format!(
                "  {} {}",
                self.paint.strong("help:"),
                trouble.help
            ));
        }
    }

    fn fact(&self, name: &str, text: &str) {
        let head = format!("  {} ", self.paint.dim(&format!("{name:<WHO$}")));
        self.indented(&head, INDENT, text);
    }

    fn stays(&self, at: &Description) {
        self.line("");
        self.line(&format!(
            "Everything goes on running; the page is {}",
            self.paint.strong(&at.page)
        ));
        self.line("Look around in another terminal:");
        self.line("");
        self.line(&format!(
            "  cd {} && export TOWPATH_DATA={}",
            at.clone.display(),
            at.data.display()
        ));
        for (command, what) in [
            ("towpath status", "where everything is"),
            ("towpath status production", "and why it is held"),
            (
                "towpath history production",
                "what was there, and for how long",
            ),
            (
                "towpath deploy production v3 --as olive@acme.test",
                "the bad one once more; it is taken back again",
            ),
        ] {
            self.line(&format!(
                "  {command:<50} {}",
                self.paint.dim(&format!("# {what}"))
            ));
        }
        self.line("");
        self.line(&self.paint.waits("Ctrl-C ends everything and cleans up."));
    }
}

fn moving(target: ProgressDrawTarget) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, target);
    let template = format!("{:INDENT$}{{spinner}} {{wide_msg}} {{elapsed:>6}}", "");
    let style = ProgressStyle::with_template(&template);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

fn under_way(view: &DeploymentView) -> String {
    let step = view
        .steps
        .iter()
        .find(|step| step.verdict != Some(Verdict::Passed));
    let step = step.map_or_else(String::new, |step| {
        format!(": {}, {}", step.phase, step.what)
    });
    format!("{} {}{step}", view.release, view.environment)
}

/// By whom it was signed; or, told before that, how long its longer phases took.
fn how(view: &DeploymentView) -> String {
    if view.asked.is_none() && !view.signatures.is_empty() {
        let names: Vec<&str> = view
            .signatures
            .iter()
            .map(|signature| signature.by.split('@').next().unwrap_or_default())
            .collect();
        return format!("signed by {}", names.join(" and "));
    }
    let long: Vec<String> = table::phases(&view.phases)
        .filter(|(_, ms)| *ms >= 50)
        .map(|(phase, ms)| format!("{phase} {}", human(ms_of(ms))))
        .collect();
    long.join(", ")
}

fn ms_of(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Breaks a text between words so that no line is wider than a terminal shows; colours take no room.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut room = width;
    for word in text.split(' ') {
        let length = shown(word);
        if let Some(line) = lines
            .last_mut()
            .filter(|line| line.is_empty() || length < room)
        {
            if !line.is_empty() {
                line.push(' ');
                room -= 1;
            }
            line.push_str(word);
            room = room.saturating_sub(length);
        } else {
            lines.push(word.to_owned());
            room = width.saturating_sub(length);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_broken_between_words_by_what_is_shown() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("one", 0), ["one"]);
        assert_eq!(wrapped("incomprehensible a", 5), ["incomprehensible", "a"]);
        assert_eq!(wrapped("\u{1b}[1mone\u{1b}[0m two", 7).len(), 1);
    }
}
