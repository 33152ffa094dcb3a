//! `towpath demo`: the whole path, told by walking it. How the story looks is here; what happens in it is in `demo`.

use std::{
    io::{IsTerminal, Write},
    path::PathBuf,
    time::Duration,
};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use towpath_core::{
    path::{Kind, Phase, Verdict},
    time::human,
};

use super::{
    Global,
    error::CliError,
    exit::Exit,
    style::{self, Paint},
    table,
};
use crate::{
    demo::{self, Description, Options, Report, Row, Tell, Told},
    engine::DeploymentView,
};

/// Walk the whole path with a real application: three releases, the third taken back by itself
///
/// Makes a repository and a clone in a temporary directory, and takes three releases of a guestbook to production, while
/// visitors never stop asking: one, one with a migration, and one that is bad. Then everything goes on running, until
/// Ctrl-C ends it and cleans up. Needs git, cargo and a C compiler. The first run builds the guestbook's dependencies and
/// keeps them; each one after that takes less than a minute.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath demo\n  towpath demo --exit          # exit status 0: everything went as told\n  \
                  towpath demo --exit --json"
)]
pub struct Demo {
    /// End by itself; the exit status says whether everything went as told.
    #[arg(long)]
    exit: bool,
    /// Work in this directory, and keep its files at the end; it must be empty or not there.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

impl Demo {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, CliError> {
        let options = Options {
            exit: self.exit,
            keep: self.keep,
        };
        let (tell, told) = unbounded_channel();
        let teller = Teller::new(global.json);
        let listening = tokio::spawn(teller.listen(told));
        let ended = demo::run(options, Tell::new(tell)).await;
        // Everything that was told is shown before anything else is.
        let _ = listening.await;
        match ended {
            Ok(Some(report)) if report.ok => Ok(Exit::Done),
            Ok(Some(_)) => Ok(Exit::Failed),
            Ok(None) if global.json => Err(CliError::new(
                Exit::Detached,
                "demo::stopped",
                "the demo was stopped before its end",
                "",
            )),
            Ok(None) => Ok(Exit::Detached),
            Err(error) => Err(CliError::new(
                Exit::Disorder,
                error.code(),
                error.to_string(),
                error.help(),
            )),
        }
    }
}

/// How wide the column of those who act is.
const WHO: usize = 8;

/// How far in it stands what they do.
const INDENT: usize = WHO + 3;

/// Shows what is told: for people on standard output, or on standard error when that is for the report.
struct Teller {
    json: bool,
    paint: Paint,
    width: usize,
    bar: Option<ProgressBar>,
}

impl Teller {
    fn new(json: bool) -> Teller {
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

    async fn listen(mut self, mut told: UnboundedReceiver<Told>) {
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
        for line in deployments(&report.releases, self.paint, self.width) {
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
    let long: Vec<String> = phases(&view.phases)
        .filter(|(_, ms)| *ms >= 50)
        .map(|(phase, ms)| format!("{phase} {}", human(ms_of(ms))))
        .collect();
    long.join(", ")
}

fn ms_of(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Phases in their order.
fn phases(all: &std::collections::BTreeMap<String, u64>) -> impl Iterator<Item = (Phase, u64)> {
    Phase::ALL
        .into_iter()
        .filter_map(|phase| all.get(phase.name()).map(|ms| (phase, *ms)))
}

/// Phases that take next to no time here; where the terminal is narrow they are left out.
const SHORT: [Phase; 3] = [Phase::Admit, Phase::Configure, Phase::SignOff];

/// The deployments as lines of a table, no wider than the terminal if that can be had.
fn deployments(rows: &[Row], paint: Paint, width: usize) -> Vec<String> {
    let used: Vec<Phase> = Phase::ALL
        .into_iter()
        .filter(|phase| rows.iter().any(|row| row.phases.contains_key(phase.name())))
        .collect();
    let all = columns(rows, &used);
    let cells = if width_of(&all) <= width {
        all
    } else {
        let long: Vec<Phase> = used
            .into_iter()
            .filter(|phase| !SHORT.contains(phase))
            .collect();
        columns(rows, &long)
    };
    let widths = widths(&cells);
    cells
        .iter()
        .enumerate()
        .map(|(number, cells)| {
            let mut line = String::new();
            for (column, (cell, width)) in cells.iter().zip(&widths).enumerate() {
                let pad = " ".repeat(width - cell.chars().count());
                let shown = match (number, column) {
                    (0, _) => paint.dim(cell),
                    (_, 1) => paint.status(cell),
                    (_, _) if cell == "–" => paint.dim(cell),
                    _ => cell.clone(),
                };
                // Texts to the left, times to the right.
                line.push_str(&match column {
                    0 | 1 => format!("{shown}{pad}  "),
                    _ => format!("{pad}{shown}  "),
                });
            }
            line.trim_end().to_owned()
        })
        .collect()
}

fn columns(rows: &[Row], phases: &[Phase]) -> Vec<Vec<String>> {
    let heading = ["DEPLOYMENT".to_owned(), "OUTCOME".to_owned()]
        .into_iter()
        .chain(phases.iter().map(|phase| phase.name().to_uppercase()))
        .chain(["TOTAL".to_owned()]);
    let mut cells = vec![heading.collect::<Vec<_>>()];
    for row in rows {
        let back = if row.kind == Kind::Rollback.to_string() {
            " ↩"
        } else {
            ""
        };
        let times = phases
            .iter()
            .map(|phase| match row.phases.get(phase.name()) {
                Some(ms) => human(ms_of(*ms)),
                None => "–".into(),
            });
        cells.push(
            [
                format!("{} {}{back}", row.release, row.environment),
                row.outcome.clone(),
            ]
            .into_iter()
            .chain(times)
            .chain([human(ms_of(row.ms))])
            .collect(),
        );
    }
    cells
}

fn widths(cells: &[Vec<String>]) -> Vec<usize> {
    let columns = cells.first().map_or(0, Vec::len);
    (0..columns)
        .map(|column| {
            cells
                .iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect()
}

fn width_of(cells: &[Vec<String>]) -> usize {
    let widths = widths(cells);
    widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1)
}

/// Breaks a text between words so that no line is wider than a terminal shows; colours take no room.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut room = width;
    for word in text.split(' ') {
        let length = table::shown(word);
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

    fn row(release: &str, environment: &str, kind: &str, phases: &[(&str, u64)]) -> Row {
        Row {
            release: release.into(),
            environment: environment.into(),
            kind: kind.into(),
            outcome: "settled".into(),
            phases: phases
                .iter()
                .map(|(name, ms)| ((*name).to_owned(), *ms))
                .collect(),
            ms: phases.iter().map(|(_, ms)| ms).sum(),
        }
    }

    #[test]
    fn the_table_is_aligned_and_leaves_out_what_is_short_where_there_is_no_room() {
        let rows = [
            row(
                "v1",
                "staging",
                "deploy",
                &[("admit", 3), ("build", 15_800), ("test", 900)],
            ),
            row(
                "v1",
                "production",
                "rollback",
                &[("admit", 3), ("rollout", 29)],
            ),
        ];
        let plain = Paint::none();
        assert_eq!(
            deployments(&rows, plain, 80).join("\n"),
            "DEPLOYMENT       OUTCOME  ADMIT  BUILD  ROLLOUT   TEST  TOTAL\n\
             v1 staging       settled    3ms  15.8s        –  900ms  16.7s\n\
             v1 production ↩  settled    3ms      –     29ms      –   32ms"
        );
        let narrow = deployments(&rows, plain, 60);
        assert!(!narrow[0].contains("ADMIT") && narrow[0].contains("BUILD"));
    }

    #[test]
    fn texts_are_broken_between_words_by_what_is_shown() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("one", 0), ["one"]);
        assert_eq!(wrapped("incomprehensible a", 5), ["incomprehensible", "a"]);
        assert_eq!(wrapped("\u{1b}[1mone\u{1b}[0m two", 7).len(), 1);
    }
}
