//! `cargo xtask bench secrets`: what it costs to run a command with 100 keys, by `towpath run`, dotenvx and varlock, over the
//! bare command. All have the same keys, and take turns, one run each.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use crate::{bench, place::NODE, stand_ins};

const KEYS: usize = 100;
const WARM_UP: usize = 3;
/// The goal for what `towpath run` costs over the bare command.
const GOAL: f64 = 5.0;
/// The goal for how many times that the others cost.
const TIMES: f64 = 50.0;
const ACTOR: &str = "dana@acme.test";

/// Runs the comparison: `[--rounds N]`.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let rounds = rounds(args)?;
    stand_ins::ensure()?;
    let scratch = Scratch::new()?;
    let bench = Bench {
        towpath: bench::towpath()?,
        node: NODE
            .directory()
            .ok_or("neither TOWPATH_CACHE nor HOME says where stand-ins are")?,
        root: scratch.0.clone(),
    };
    let keys = keys()?;
    bench.lay(&keys)?;
    println!(
        "{KEYS} keys of 32 letters; the median of {rounds} runs each in turns, with the tenth and the ninetieth of a hundred"
    );
    let contenders = bench.contenders();
    for contender in &contenders {
        bench.prove(contender, &keys)?;
    }
    for command in ["true", "printenv"] {
        let spans = bench.measure(&contenders, &[command], rounds)?;
        report(command, &contenders, &spans);
    }
    Ok(())
}

fn rounds(args: &[String]) -> Result<usize, String> {
    match args {
        [] => Ok(41),
        [name, number] if name == "--rounds" => match number.parse() {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(format!("{number} is not a number of rounds")),
        },
        _ => Err("`--rounds N` is all that can be said".into()),
    }
}

/// Names and random values.
fn keys() -> Result<Vec<(String, String)>, String> {
    let told = |error: std::io::Error| format!("could not read /dev/urandom: {error}");
    let mut random = fs::File::open("/dev/urandom").map_err(told)?;
    let mut letters = [0_u8; 32];
    let mut keys = Vec::with_capacity(KEYS);
    for number in 0..KEYS {
        std::io::Read::read_exact(&mut random, &mut letters).map_err(told)?;
        let value = letters.iter().map(|byte| char::from(b'a' + byte % 26));
        keys.push((format!("KEY_{number:03}"), value.collect()));
    }
    Ok(keys)
}

/// One way of running a command with the keys.
struct Contender {
    name: &'static str,
    whose: Whose,
    directory: PathBuf,
    program: PathBuf,
    args: Vec<&'static str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Nobody,
    Ours,
    Theirs,
}

/// Where everything is.
struct Bench {
    towpath: PathBuf,
    node: PathBuf,
    root: PathBuf,
}

impl Bench {
    /// Writes the same keys in everybody's own form.
    fn lay(&self, keys: &[(String, String)]) -> Result<(), String> {
        for name in ["home", "ours", "dotenvx", "dotenvx-encrypted", "varlock"] {
            fs::create_dir(self.root.join(name)).map_err(|error| error.to_string())?;
        }
        self.lay_ours(keys)?;
        let plain = lines(keys, |key, value| format!("{key}={value}"));
        for name in ["dotenvx", "dotenvx-encrypted", "varlock"] {
            self.write(&format!("{name}/.env"), &plain)?;
        }
        let schema = lines(keys, |key, _| format!("# @required @sensitive\n{key}="));
        self.write(
            "varlock/.env.schema",
            &format!("# @defaultSensitive=true\n# ---\n{schema}"),
        )?;
        let directory = self.root.join("dotenvx-encrypted");
        quietly(
            self.command(&self.tool("dotenvx"), &directory)
                .args(["encrypt", "-f", ".env"]),
        )?;
        let sealed =
            fs::read_to_string(directory.join(".env")).map_err(|error| error.to_string())?;
        match sealed.matches("encrypted:").count() {
            KEYS => Ok(()),
            number => Err(format!("dotenvx encrypted {number} of {KEYS} keys")),
        }
    }

    /// Two environments, one of secrets and one of plain configuration, in a repository.
    fn lay_ours(&self, keys: &[(String, String)]) -> Result<(), String> {
        let directory = self.root.join("ours");
        quietly(
            self.command(Path::new("git"), &directory)
                .args(["init", "-q"]),
        )?;
        quietly(
            self.command(Path::new("git"), &directory)
                .args(["config", "user.email", ACTOR]),
        )?;
        let made = self.towpath(&directory, &["secret", "keygen", "--json"], "")?;
        let public = made
            .split(|letter: char| !letter.is_ascii_alphanumeric())
            .find(|word| word.starts_with("age1"))
            .ok_or("`towpath secret keygen` named no key")?
            .to_owned();
        let secret = lines(keys, |key, _| format!("[config.{key}]\nsecret = true"));
        let shared =
            "[project]\nname = \"bench\"\n\n[roles.developer]\nmembers = [\"dana@acme.test\"]\n";
        let manifest = format!(
            "{shared}\n[recipients.dana]\nage = \"{public}\"\nperson = \"{ACTOR}\"\n\n{secret}\n\
             [environments.local]\ndescription = \"One\"\nused_by = [\"developer\"]\nrecipients = [\"dana\"]\n"
        );
        self.write("ours/towpath.toml", &manifest)?;
        for (key, value) in keys {
            self.towpath(&directory, &["secret", "set", "local", key], value)?;
        }
        fs::create_dir(self.root.join("plain")).map_err(|error| error.to_string())?;
        let plain = lines(keys, |key, value| {
            format!("[config.{key}]\ndefault = \"{value}\"")
        });
        let manifest = format!(
            "{shared}\n{plain}\n[environments.local]\ndescription = \"One\"\nused_by = [\"developer\"]\n"
        );
        symlink(directory.join(".git"), self.root.join("plain/.git"))
            .map_err(|error| error.to_string())?;
        self.write("plain/towpath.toml", &manifest)
    }

    fn towpath(&self, directory: &Path, args: &[&str], input: &str) -> Result<String, String> {
        let mut child = self
            .command(&self.towpath, directory)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("could not run towpath: {error}"))?;
        if let Some(mut pipe) = child.stdin.take() {
            // A verb that reads nothing may have gone already.
            let _ = pipe.write_all(input.as_bytes());
        }
        let output = child
            .wait_with_output()
            .map_err(|error| error.to_string())?;
        succeeded("towpath", &output)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn contenders(&self) -> Vec<Contender> {
        let contender = |name, whose, directory: &str, program, args: &[&'static str]| Contender {
            name,
            whose,
            directory: self.root.join(directory),
            program,
            args: args.to_vec(),
        };
        let towpath = || self.towpath.clone();
        let dotenvx = &["run", "--quiet", "-f", ".env", "--"];
        vec![
            contender(
                "the bare command",
                Whose::Nobody,
                "ours",
                PathBuf::new(),
                &[],
            ),
            contender(
                "towpath, 100 secrets",
                Whose::Ours,
                "ours",
                towpath(),
                &["run", "local", "--"],
            ),
            contender(
                "towpath, 100 plain keys",
                Whose::Ours,
                "plain",
                towpath(),
                &["run", "local", "--"],
            ),
            contender(
                "dotenvx, plain file",
                Whose::Theirs,
                "dotenvx",
                self.tool("dotenvx"),
                dotenvx,
            ),
            contender(
                "dotenvx, encrypted",
                Whose::Theirs,
                "dotenvx-encrypted",
                self.tool("dotenvx"),
                dotenvx,
            ),
            contender(
                "varlock, with a schema",
                Whose::Theirs,
                "varlock",
                self.tool("varlock"),
                &["run", "--"],
            ),
        ]
    }

    /// Makes sure that a contender does hand over every key, and that those who say that they redact do it.
    fn prove(&self, contender: &Contender, keys: &[(String, String)]) -> Result<(), String> {
        if contender.whose == Whose::Nobody {
            return Ok(());
        }
        // What is printed may be redacted: the command counts the keys itself.
        let count = "printenv | grep -c '^KEY_[0-9]*=[a-z]\\{32\\}$'";
        let output = self.once(contender, &["sh", "-c", count])?;
        let found = String::from_utf8_lossy(&output.stdout);
        if found.trim() != KEYS.to_string() {
            return Err(format!(
                "{}: {} of {KEYS} keys",
                contender.name,
                found.trim()
            ));
        }
        let printed = self.once(contender, &["printenv"])?.stdout;
        let printed = String::from_utf8_lossy(&printed);
        let seen = keys
            .iter()
            .filter(|(_, value)| printed.contains(value.as_str()));
        println!(
            "{}: {} of {KEYS} values seen in what it pipes",
            contender.name,
            seen.count()
        );
        Ok(())
    }

    /// How long each run took.
    fn measure(
        &self,
        contenders: &[Contender],
        command: &[&str],
        rounds: usize,
    ) -> Result<Vec<Vec<Duration>>, String> {
        let mut spans: Vec<Vec<Duration>> = contenders.iter().map(|_| Vec::new()).collect();
        for round in 0..WARM_UP + rounds {
            for turn in 0..contenders.len() {
                // Another one begins in each round, so that none always follows the same one.
                let who = (round + turn) % contenders.len();
                let begun = Instant::now();
                self.once(&contenders[who], command)?;
                let took = begun.elapsed();
                if round >= WARM_UP {
                    spans[who].push(took);
                }
            }
        }
        for spans in &mut spans {
            spans.sort();
        }
        Ok(spans)
    }

    /// Runs a command by one contender, its output to a pipe.
    fn once(&self, contender: &Contender, command: &[&str]) -> Result<Output, String> {
        let whole: Vec<&str> = contender.args.iter().chain(command).copied().collect();
        let mut started = match contender.whose {
            Whose::Nobody => {
                let mut started = self.command(Path::new(whole[0]), &contender.directory);
                started.args(&whole[1..]);
                started
            }
            Whose::Ours | Whose::Theirs => {
                let mut started = self.command(&contender.program, &contender.directory);
                started.args(&whole);
                started
            }
        };
        let output = started
            .output()
            .map_err(|error| format!("could not run {}: {error}", contender.name))?;
        succeeded(contender.name, &output)?;
        Ok(output)
    }

    /// A command in a home of its own.
    fn command(&self, program: &Path, directory: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(directory)
            .env("HOME", self.root.join("home"))
            .env("TOWPATH_DATA", self.root.join("data"))
            .env("DO_NOT_TRACK", "1")
            .env("VARLOCK_TELEMETRY_DISABLED", "1")
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("SOPS_AGE_KEY")
            .env_remove("SOPS_AGE_KEY_FILE")
            .stdin(Stdio::null());
        command
    }

    fn tool(&self, name: &str) -> PathBuf {
        self.node.join("node_modules/.bin").join(name)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), String> {
        fs::write(self.root.join(name), text)
            .map_err(|error| format!("could not write {name}: {error}"))
    }
}

/// A text of one part for each key.
fn lines(keys: &[(String, String)], line: impl Fn(&str, &str) -> String) -> String {
    keys.iter().fold(String::new(), |mut text, (key, value)| {
        let _ = writeln!(text, "{}", line(key, value));
        text
    })
}

/// Prints a line for each, then whether the goals hold.
fn report(title: &str, contenders: &[Contender], spans: &[Vec<Duration>]) {
    println!("\n{title:<26}   median      p10      p90     over the bare command");
    let bare = spans.first().map_or(0.0, |spans| at(spans, 50));
    let over = |spans: &[Duration]| at(spans, 50) - bare;
    for (contender, spans) in contenders.iter().zip(spans) {
        println!(
            "{:<26} {:6.1} ms {:5.1} ms {:5.1} ms {:8.1} ms",
            contender.name,
            at(spans, 50),
            at(spans, 10),
            at(spans, 90),
            over(spans),
        );
    }
    let of = |whose| {
        let both = contenders.iter().zip(spans);
        both.filter(move |(contender, _)| contender.whose == whose)
    };
    for (ours, mine) in of(Whose::Ours) {
        let mine = over(mine);
        println!("{}: at most {GOAL} ms {}", ours.name, holds(mine <= GOAL));
        for (theirs, spans) in of(Whose::Theirs) {
            let times = over(spans) / mine;
            println!(
                "{}: {times:.0} times as much as {}; at least {TIMES} {}",
                theirs.name,
                ours.name,
                holds(times >= TIMES)
            );
        }
    }
}

fn holds(holds: bool) -> &'static str {
    match holds {
        true => "holds",
        false => "does NOT hold",
    }
}

/// The span, in milliseconds, below which this many of a hundred are, of sorted ones.
fn at(sorted: &[Duration], percent: usize) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted
        .get(last * percent / 100)
        .map_or(0.0, |span| span.as_secs_f64() * 1000.0)
}

fn quietly(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("could not run {program}: {error}"))?;
    succeeded(&program, &output)
}

fn succeeded(name: &str, output: &Output) -> Result<(), String> {
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "{name} ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        )),
    }
}

/// A directory that goes when the benchmark ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self, String> {
        let path =
            std::env::temp_dir().join(format!("towpath-bench-secrets-{}", std::process::id()));
        fs::create_dir_all(&path)
            .map_err(|error| format!("could not make {}: {error}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_what_was_measured() {
        let spans: Vec<Duration> = (0..=40).map(Duration::from_millis).collect();
        let near = |found: f64, wanted: f64| (found - wanted).abs() < 1e-9;
        assert!(near(at(&spans, 50), 20.0));
        assert!(near(at(&spans, 10), 4.0));
        assert!(near(at(&spans, 90), 36.0));
        assert!(near(at(&[], 50), 0.0));
    }
}
