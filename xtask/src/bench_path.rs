//! `cargo xtask bench path`: the path's own figures, on the release binary, with real processes and real requests.
//!
//! Deployments under load, the time of a warm rollback as a user sees it, the overhead of steps that do nothing, and the
//! memory that each long-lived process takes. Everything is on loopback, bounded, and ended by its process id.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{bench, needs};

const DEPLOYMENTS: usize = 20;
const ROLLBACKS: usize = 20;
const OVERHEADS: usize = 20;

/// Runs every measurement and prints a line for each.
pub(crate) fn run(_args: &[String]) -> Result<(), String> {
    needs::ensure(needs::BENCHES)?;
    let bench = Bench::new()?;
    bench.deployments_under_load()?;
    bench.warm_rollbacks()?;
    bench.overhead()?;
    bench.memory()?;
    Ok(())
}

/// A scratch project with its data, removed at the end.
struct Bench {
    towpath: PathBuf,
    root: PathBuf,
}

impl Drop for Bench {
    fn drop(&mut self) {
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else {
                continue;
            };
            let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let ours = self.root.as_os_str().as_encoded_bytes();
            // Shims and what they look after: every one of them names a place below our own directory.
            if command.windows(ours.len()).any(|part| part == ours) {
                let _ = Command::new("kill").arg(pid.to_string()).status();
            }
        }
        let _ = fs::remove_dir_all(&self.root);
    }
}

impl Bench {
    fn new() -> Result<Bench, String> {
        let towpath = bench::towpath()?;
        let root = std::env::temp_dir().join(format!("towpath-bench-{}", std::process::id()));
        let work = root.join("work");
        fs::create_dir_all(&work).map_err(text)?;
        for file in ["service.rs", "towpath.toml"] {
            fs::copy(Path::new("bench/path").join(file), work.join(file)).map_err(text)?;
        }
        let bench = Bench { towpath, root };
        for arguments in [
            &["init", "--quiet", "--initial-branch=main"][..],
            &["config", "user.email", "bench@example.com"],
            &["config", "user.name", "Bench"],
        ] {
            run_in("git", arguments, &work)?;
        }
        bench.commit("first")?;
        Ok(bench)
    }

    fn work(&self) -> PathBuf {
        self.root.join("work")
    }

    fn commit(&self, text: &str) -> Result<(), String> {
        fs::write(self.work().join("note"), text).map_err(self::text)?;
        run_in("git", &["add", "--all"], &self.work())?;
        run_in(
            "git",
            &["commit", "--quiet", "--message", text],
            &self.work(),
        )
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.towpath);
        command
            .current_dir(self.work())
            .env("TOWPATH_DATA", self.root.join("data"));
        command
    }

    fn json(&self, arguments: &[&str]) -> Result<Value, String> {
        let output = self
            .command()
            .args(arguments)
            .arg("--json")
            .output()
            .map_err(text)?;
        let said = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            return Err(format!(
                "towpath {}: {said}{}",
                arguments.join(" "),
                String::from_utf8_lossy(&output.stderr)
            ));
        }
        serde_json::from_str(&said)
            .map_err(|error| format!("towpath {}: {error}: {said}", arguments.join(" ")))
    }

    fn address(&self) -> Result<String, String> {
        let status = self.json(&["status", "production"])?;
        let url = status["environments"][0]["live"]["addresses"]["web"]
            .as_str()
            .unwrap_or_default();
        url.strip_prefix("http://")
            .map(str::to_owned)
            .ok_or_else(|| format!("no address in {status}"))
    }

    /// Twenty releases in a row, while a load generator keeps its connections open.
    fn deployments_under_load(&self) -> Result<(), String> {
        self.json(&["deploy", "production", "main"])?;
        let address = self.address()?;
        let mut load = Load::start(&address)?;
        for number in 0..DEPLOYMENTS {
            self.commit(&format!("change {number}"))?;
            self.json(&["deploy", "production", "main"])?;
        }
        println!("deployments under load: {DEPLOYMENTS} in a row");
        for line in load.stop()? {
            println!("  {line}");
        }
        Ok(())
    }

    /// From the start of the command to the last answer of the release that is left, as one connection sees it.
    fn warm_rollbacks(&self) -> Result<(), String> {
        let address = self.address()?;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let poll = {
            let (seen, stop) = (seen.clone(), stop.clone());
            thread::spawn(move || poll(&address, &seen, &stop))
        };
        let newest = format!("v{}", DEPLOYMENTS + 1);
        let before = format!("v{DEPLOYMENTS}");
        let mut took = Vec::new();
        for number in 0..ROLLBACKS {
            let (from, to) = if number % 2 == 0 {
                (&newest, &before)
            } else {
                (&before, &newest)
            };
            let began = Instant::now();
            self.json(&["rollback", "production", "--to", to])?;
            // One answer more, so that the last one of the release that is left has been seen.
            thread::sleep(Duration::from_millis(20));
            let answers = std::mem::take(&mut *seen.lock().map_err(text)?);
            let last = answers.iter().rev().find(|(_, release)| release == from);
            let at = last.map(|(at, _): &(Instant, String)| at.saturating_duration_since(began));
            took.push(at.unwrap_or_default());
        }
        stop.store(true, Ordering::Relaxed);
        poll.join()
            .map_err(|_| "the poller panicked".to_owned())??;
        print_times(
            "warm rollback, command to all traffic on the other release",
            &mut took,
        );
        Ok(())
    }

    /// Eight steps that do nothing, from requested to settled, by the journal's clock.
    fn overhead(&self) -> Result<(), String> {
        let work = self.root.join("overhead");
        fs::create_dir_all(&work).map_err(text)?;
        let steps = ["\"true\""; 8].join(", ");
        let manifest = format!(
            "[project]\nname = \"overhead\"\n\n[environments.staging]\nbranch = \"main\"\ntest = [{steps}]\n"
        );
        fs::write(work.join("towpath.toml"), manifest).map_err(text)?;
        run_in("git", &["init", "--quiet", "--initial-branch=main"], &work)?;
        run_in("git", &["add", "--all"], &work)?;
        let identity = [
            "-c",
            "user.name=Bench",
            "-c",
            "user.email=bench@example.com",
        ];
        let commit = [&identity[..], &["commit", "--quiet", "--message", "steps"]].concat();
        run_in("git", &commit, &work)?;
        let mut took = Vec::new();
        for _ in 0..OVERHEADS {
            let output = Command::new(&self.towpath)
                .current_dir(&work)
                .env("TOWPATH_DATA", self.root.join("overhead-data"))
                .args(["--as", "bench@example.com", "--json", "deploy", "staging"])
                .stderr(Stdio::null())
                .output()
                .map_err(text)?;
            let answer: Value = serde_json::from_slice(&output.stdout).map_err(text)?;
            let at = |key: &str| answer["deployment"][key].as_u64().unwrap_or_default();
            took.push(Duration::from_millis(
                at("ended_at").saturating_sub(at("requested_at")),
            ));
        }
        print_times("8 steps of `true`, requested to settled", &mut took);
        Ok(())
    }

    /// Proportional set sizes of what lives long.
    fn memory(&self) -> Result<(), String> {
        let mut server = self
            .command()
            .args(["server", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(text)?;
        thread::sleep(Duration::from_secs(3));
        println!("memory, proportional set size");
        println!("  server, idle: {:.1} MB", pss(server.id())?);
        let _ = Command::new("kill").arg(server.id().to_string()).status();
        let _ = server.wait();
        for (name, word) in [("proxy", "proxy\0--dir"), ("shim", "towpath\0shim")] {
            let root = self.root.to_string_lossy().into_owned();
            let sizes: Vec<f64> = processes(word, &root)
                .into_iter()
                .filter_map(|pid| pss(pid).ok())
                .collect();
            let most = sizes.iter().copied().fold(0.0, f64::max);
            println!("  {name}: at most {most:.1} MB, of {}", sizes.len());
        }
        Ok(())
    }
}

/// Processes whose command line holds both texts.
fn processes(word: &str, root: &str) -> Vec<u32> {
    let holds = |command: &[u8], part: &str| {
        command
            .windows(part.len())
            .any(|window| window == part.as_bytes())
    };
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_string_lossy().parse().ok()?;
            let command = fs::read(entry.path().join("cmdline")).ok()?;
            (holds(&command, word) && holds(&command, root) && !command.starts_with(b"sh\0"))
                .then_some(pid)
        })
        .collect()
}

fn pss(pid: u32) -> Result<f64, String> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).map_err(text)?;
    let line = rollup
        .lines()
        .find(|line| line.starts_with("Pss:"))
        .unwrap_or_default();
    let kib: f64 = line
        .split_whitespace()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(0.0);
    Ok(kib / 1024.0)
}

/// Asks again and again on one connection, and notes which release answered when.
fn poll(
    address: &str,
    seen: &Mutex<Vec<(Instant, String)>>,
    stop: &AtomicBool,
) -> Result<(), String> {
    let mut stream = TcpStream::connect(address).map_err(text)?;
    stream.set_nodelay(true).map_err(text)?;
    let mut reader = BufReader::new(stream.try_clone().map_err(text)?);
    while !stop.load(Ordering::Relaxed) {
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: bench\r\n\r\n")
            .map_err(text)?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).map_err(text)? == 0 {
                return Err("the proxy ended the connection".into());
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().map_err(text)?;
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).map_err(text)?;
        let release = String::from_utf8_lossy(&body).into_owned();
        seen.lock().map_err(text)?.push((Instant::now(), release));
        thread::sleep(Duration::from_micros(200));
    }
    Ok(())
}

/// A load generator in the background.
struct Load(Child);

impl Load {
    fn start(address: &str) -> Result<Load, String> {
        let child = Command::new("wrk")
            .args([
                "--threads",
                "1",
                "--connections",
                "16",
                "--duration",
                "600s",
                "--latency",
            ])
            .arg(format!("http://{address}/"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        child.map(Load).map_err(text)
    }

    /// Ends the load and returns what it counted: requests, and errors of any kind.
    fn stop(&mut self) -> Result<Vec<String>, String> {
        let _ = Command::new("kill")
            .args(["-INT", &self.0.id().to_string()])
            .status();
        let mut said = String::new();
        if let Some(mut out) = self.0.stdout.take() {
            out.read_to_string(&mut said).map_err(text)?;
        }
        self.0.wait().map_err(text)?;
        let wanted = [
            "requests in",
            "Requests/sec",
            "Socket errors",
            "Non-2xx",
            "99%",
        ];
        let mut lines: Vec<String> = said
            .lines()
            .map(str::trim)
            .filter(|line| wanted.iter().any(|w| line.contains(w)))
            .map(str::to_owned)
            .collect();
        if !said.contains("Socket errors") && !said.contains("Non-2xx") {
            lines.push("errors of any kind: 0".into());
        }
        Ok(lines)
    }
}

fn print_times(what: &str, took: &mut [Duration]) {
    took.sort();
    let ms = |at: usize| took[at].as_secs_f64() * 1000.0;
    let last = took.len() - 1;
    println!(
        "{what}: median {:.1} ms, least {:.1} ms, most {:.1} ms, of {}",
        ms(last / 2),
        ms(0),
        ms(last),
        took.len()
    );
}

fn run_in(program: &str, arguments: &[&str], directory: &Path) -> Result<(), String> {
    let status = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .status()
        .map_err(text)?;
    if status.success() {
        Ok(())
    } else {
        Err(format!(
            "{program} {} ended with {status}",
            arguments.join(" ")
        ))
    }
}

fn text(error: impl ToString) -> String {
    error.to_string()
}
