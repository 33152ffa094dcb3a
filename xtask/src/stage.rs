//! Stages of a chore, each one command, run in order, timed and shown. What a stage prints, on either stream, goes
//! to our standard output as it comes, so that a log of it alone has everything in its order.

use std::{
    env,
    ffi::OsString,
    io::{self, BufRead, BufReader, IsTerminal, PipeReader, Write},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use crate::tally::Tally;

/// How long output is still read after a command has ended: a process that it left behind may hold the pipe for ever.
const AFTER_THE_END: Duration = Duration::from_secs(2);

/// One thing to do.
pub(crate) struct Stage {
    name: String,
    work: Work,
}

/// What a stage is.
enum Work {
    /// A command to run.
    Run(Cargo),
    /// Something that takes no time worth telling, needed by the stages after it.
    Prepare(Box<dyn FnOnce() -> io::Result<()>>),
    /// Nothing, for this reason.
    Skip(String),
}

/// A call of cargo.
#[derive(Debug)]
pub(crate) struct Cargo {
    args: Vec<String>,
    directory: PathBuf,
    target: Option<PathBuf>,
}

impl Cargo {
    /// `cargo` with these arguments, run in a directory.
    pub(crate) fn new(directory: &Path, args: &[&str]) -> Self {
        Cargo {
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            directory: directory.to_owned(),
            target: None,
        }
    }

    /// With a target directory other than the one that the environment says.
    pub(crate) fn target(mut self, target: Option<&Path>) -> Self {
        self.target = target.map(Path::to_owned);
        self
    }

    /// Whether the command ends well; what it prints is thrown away.
    pub(crate) fn works(&self) -> bool {
        self.command()
            .output()
            .is_ok_and(|output| output.status.success())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command
            .args(&self.args)
            .current_dir(&self.directory)
            .stdin(Stdio::null());
        // `cargo run` told us about our own package. Build scripts that watch these variables would run again each time.
        for (name, _) in env::vars_os().filter(|(name, _)| is_about_us(name)) {
            command.env_remove(name);
        }
        if let Some(target) = &self.target {
            command.env("CARGO_TARGET_DIR", target);
        }
        if io::stdout().is_terminal() && env::var_os("CARGO_TERM_COLOR").is_none() {
            command.env("CARGO_TERM_COLOR", "always");
        }
        command
    }
}

/// Whether a variable describes the package that cargo is running.
fn is_about_us(name: &OsString) -> bool {
    name.to_str().is_some_and(|name| {
        name.starts_with("CARGO_PKG_")
            || [
                "CARGO_MANIFEST_DIR",
                "CARGO_MANIFEST_PATH",
                "CARGO_BIN_NAME",
            ]
            .contains(&name)
    })
}

impl Stage {
    /// A stage that runs a command.
    pub(crate) fn run(name: &str, cargo: Cargo) -> Self {
        Stage {
            name: name.to_owned(),
            work: Work::Run(cargo),
        }
    }

    /// A stage that prepares those after it; the summary tells of it only when it fails.
    pub(crate) fn prepare(name: &str, work: impl FnOnce() -> io::Result<()> + 'static) -> Self {
        Stage {
            name: name.to_owned(),
            work: Work::Prepare(Box::new(work)),
        }
    }

    /// Whether a person who types this means the stage; what others need is meant along with them.
    pub(crate) fn is_about(&self, part: &str) -> bool {
        self.name.contains(part) || self.is_preparation()
    }

    /// Whether this is its name.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.name == name
    }

    /// Whether it only prepares others.
    pub(crate) fn is_preparation(&self) -> bool {
        matches!(self.work, Work::Prepare(_))
    }

    /// A stage that is left out, and the reason and the way out.
    pub(crate) fn skip(name: &str, why: &str) -> Self {
        Stage {
            name: name.to_owned(),
            work: Work::Skip(why.to_owned()),
        }
    }
}

/// Runs the stages up to the first that fails, then prints what came of each. The error says which failed.
pub(crate) fn run_all(stages: Vec<Stage>) -> Result<(), String> {
    let begun = Instant::now();
    let mut tally = Tally::default();
    let mut lines = Vec::new();
    let mut skipped = 0;
    let mut failed = None;
    for Stage { name, work } in stages {
        let at = Instant::now();
        let outcome = match work {
            Work::Prepare(_) if failed.is_some() => continue,
            _ if failed.is_some() => {
                lines.push(format!("  not run  {name}"));
                continue;
            }
            Work::Skip(why) => {
                println!("\nxtask: {name} skipped: {why}");
                lines.push(format!("  skipped  {name}: {why}"));
                skipped += 1;
                continue;
            }
            Work::Prepare(work) => match work() {
                Ok(()) => continue,
                Err(error) => Err(format!("failed: {error}")),
            },
            Work::Run(cargo) => {
                println!("\nxtask: {name} (cargo {})", cargo.args.join(" "));
                let (counted, outcome) = run(&cargo);
                tally += counted;
                outcome
            }
        };
        let word = if outcome.is_ok() { "ok" } else { "FAILED" };
        let seconds = at.elapsed().as_secs_f64();
        lines.push(format!("  {word:<8} {name:<44}{seconds:>8.1} s"));
        failed = outcome.err().map(|why| (name, why));
    }
    println!("\nxtask: summary\n{}", lines.join("\n"));
    let seconds = begun.elapsed().as_secs_f64();
    let counts = match tally {
        Tally {
            passed: 0,
            failed: 0,
        } => String::new(),
        Tally { passed, failed } => format!("{passed} tests passed, {failed} failed; "),
    };
    match failed {
        Some((name, why)) => Err(format!("{counts}{name} {why}, after {seconds:.1} s")),
        None => {
            let but = match skipped {
                0 => String::new(),
                n => format!(" but {n} skipped, see above"),
            };
            println!("xtask: {counts}every stage is good{but}; {seconds:.1} s");
            Ok(())
        }
    }
}

/// Runs one command and passes its output on. Returns the tests counted in it, and how it ended.
fn run(cargo: &Cargo) -> (Tally, Result<(), String>) {
    let mut command = cargo.command();
    let lines = match capture(&mut command) {
        Ok(lines) => lines,
        Err(error) => {
            return (
                Tally::default(),
                Err(format!("could not make a pipe: {error}")),
            );
        }
    };
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return (Tally::default(), Err(format!("could not start: {error}"))),
    };
    // The command holds our ends of the pipe for writing; without this the reader would never see the end.
    drop(command);
    let (sender, done) = mpsc::channel();
    thread::spawn(move || sender.send(pass_on(lines, io::stdout())));
    let status = child.wait();
    let tally = done.recv_timeout(AFTER_THE_END).unwrap_or_default();
    let outcome = match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(told(status)),
        Err(error) => Err(format!("could not be waited for: {error}")),
    };
    (tally, outcome)
}

/// Joins both of a command's streams in one pipe.
fn capture(command: &mut Command) -> io::Result<PipeReader> {
    let (reader, writer) = io::pipe()?;
    command.stdout(writer.try_clone()?).stderr(writer);
    Ok(reader)
}

/// Copies lines as they come, and counts the tests that they tell of.
fn pass_on(lines: PipeReader, mut out: impl Write) -> Tally {
    let mut lines = BufReader::new(lines);
    let mut tally = Tally::default();
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
        // When nobody reads us any longer, the command still runs to its end.
        let _ = out.write_all(&line).and_then(|()| out.flush());
        tally += Tally::of_line(&String::from_utf8_lossy(&line)).unwrap_or_default();
        line.clear();
    }
    tally
}

/// How a command ended, to complete "the tests …".
fn told(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("failed (exit status {code})"),
        (None, Some(signal)) => format!("was stopped by signal {signal}"),
        (None, None) => format!("failed ({status})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_streams_are_counted_and_a_failure_is_told() {
        let script = "echo 'test result: ok. 2 passed; 0 failed' >&2; echo 'test result: FAILED. 1 passed; 1 failed'; exit 3";
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let lines = capture(&mut command).unwrap();
        let status = command.spawn().unwrap().wait().unwrap();
        drop(command);
        let mut passed_on = Vec::new();
        assert_eq!(
            pass_on(lines, &mut passed_on),
            Tally {
                passed: 3,
                failed: 1
            }
        );
        assert!(passed_on.starts_with(b"test result: ok. 2 passed"));
        assert_eq!(told(status), "failed (exit status 3)");
    }

    #[test]
    fn the_package_that_runs_us_is_forgotten() {
        assert!(is_about_us(&"CARGO_PKG_NAME".into()));
        assert!(is_about_us(&"CARGO_MANIFEST_DIR".into()));
        assert!(!is_about_us(&"CARGO_HOME".into()));
        assert!(!is_about_us(&"CARGO_TARGET_DIR".into()));
    }
}
