//! `cargo xtask bench proxy`: the traffic proxy against nginx and HAProxy, as reverse proxies with keep-alive on either
//! side, in turns, on loopback, with the same backend and the same load.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{bench, needs};

/// How long a program may take until it listens.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// What the backend answers.
const BODY: &str = "hello, this is a small body of text that a service would answer";

/// What can be chosen on the command line.
struct Settings {
    rounds: usize,
    seconds: u64,
    connections: u32,
}

/// Runs the comparison: `[--rounds N] [--seconds N] [--connections N]`.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let settings = Settings::parse(args)?;
    needs::ensure(needs::BENCHES)?;
    let program = bench::towpath()?;
    let cores = thread::available_parallelism().map_or(1, usize::from);
    println!(
        "{cores} cores, shared by the load, the proxy and the backend; {} rounds of {} s, {} connections with keep-alive",
        settings.rounds, settings.seconds, settings.connections
    );
    let scratch = Scratch::new()?;
    let backend = backend(&scratch)?;
    let contenders = [
        towpath(&program, &scratch, &backend)?,
        nginx(&scratch, &backend, cores)?,
        haproxy(&scratch, &backend, cores)?,
    ];
    let idle: Vec<f64> = contenders
        .iter()
        .map(Server::memory)
        .collect::<Result<_, _>>()?;
    let mut runs: Vec<Vec<Run>> = contenders.iter().map(|_| Vec::new()).collect();
    for contender in &contenders {
        load(contender.port, 1, &settings)?;
    }
    for round in 0..settings.rounds {
        for turn in 0..contenders.len() {
            // Another one begins in each round, so that none always follows the same one.
            let who = (round + turn) % contenders.len();
            let run = measure(&contenders[who], &settings)?;
            println!("round {} {:<8} {run}", round + 1, contenders[who].name);
            runs[who].push(run);
        }
    }
    report(&contenders, &runs, &idle)
}

impl Settings {
    fn parse(args: &[String]) -> Result<Self, String> {
        let mut settings = Self {
            rounds: 5,
            seconds: 10,
            connections: 64,
        };
        for pair in args.chunks(2) {
            let [name, value] = pair else {
                return Err(format!("{} needs a number", pair[0]));
            };
            let number: u32 = value
                .parse()
                .ok()
                .filter(|number| *number > 0)
                .ok_or_else(|| format!("{value} is not a number that {name} can have"))?;
            match name.as_str() {
                "--rounds" => settings.rounds = number as usize,
                "--seconds" => settings.seconds = number.into(),
                "--connections" => settings.connections = number,
                _ => return Err(format!("there is no option {name}")),
            }
        }
        Ok(settings)
    }
}

/// A directory that is removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("towpath-bench-proxy-{}", std::process::id()));
        fs::create_dir_all(&path).map_err(text)?;
        Ok(Self(path))
    }

    /// Writes a file and returns its path.
    fn file(&self, name: &str, content: &str) -> Result<PathBuf, String> {
        let path = self.0.join(name);
        fs::write(&path, content).map_err(text)?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A program that listens; it is ended when this is dropped.
struct Server {
    name: &'static str,
    port: u16,
    child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(name: &'static str, port: u16, command: &mut Command) -> Result<Self, String> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(|error| format!("{name} could not be started: {error}"))?;
        Ok(Self { name, port, child })
    }

    /// Waits until it accepts connections.
    fn ready(mut self) -> Result<Self, String> {
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if let Some(status) = self.child.try_wait().map_err(text)? {
                return Err(format!("{} ended at once ({status})", self.name));
            }
            if begun.elapsed() > READY_WITHIN {
                return Err(format!("{} does not listen", self.name));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(self)
    }

    /// Its process and those that it started.
    fn processes(&self) -> Vec<u32> {
        let own = self.child.id();
        let children = fs::read_to_string(format!("/proc/{own}/task/{own}/children"));
        let children = children.unwrap_or_default();
        let children = children
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok());
        std::iter::once(own).chain(children).collect()
    }

    /// The time that it has spent on a core.
    fn cpu(&self) -> Duration {
        let mut nanoseconds = 0;
        for pid in self.processes() {
            let threads = fs::read_dir(format!("/proc/{pid}/task"));
            for thread in threads.into_iter().flatten().flatten() {
                let spent = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
                let spent = spent.split_whitespace().next();
                nanoseconds += spent
                    .and_then(|spent| spent.parse::<u64>().ok())
                    .unwrap_or(0);
            }
        }
        Duration::from_nanos(nanoseconds)
    }

    /// Its proportional set size in MB.
    fn memory(&self) -> Result<f64, String> {
        let mut kib = 0.0;
        for pid in self.processes() {
            let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).map_err(text)?;
            let line = rollup.lines().find(|line| line.starts_with("Pss:"));
            let size = line.and_then(|line| line.split_whitespace().nth(1));
            kib += size.and_then(|size| size.parse().ok()).unwrap_or(0.0);
        }
        Ok(kib / 1024.0)
    }
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(text)?;
    Ok(listener.local_addr().map_err(text)?.port())
}

/// What all proxies pass requests on to: nginx with one worker, which answers from memory.
fn backend(scratch: &Scratch) -> Result<Server, String> {
    let port = free_port()?;
    let site = format!(
        "server {{ listen 127.0.0.1:{port}; location / {{ default_type text/plain; return 200 \"{BODY}\\n\"; }} }}"
    );
    start_nginx(scratch, "backend", port, 1, &site)
}

fn nginx(scratch: &Scratch, backend: &Server, workers: usize) -> Result<Server, String> {
    let port = free_port()?;
    let site = format!(
        "upstream backend {{ server 127.0.0.1:{}; keepalive 256; keepalive_requests 1000000000; }}
         server {{ listen 127.0.0.1:{port} reuseport; location / {{
           proxy_pass http://backend;
           proxy_http_version 1.1;
           proxy_set_header Connection \"\";
           proxy_set_header Host $http_host;
           proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
           proxy_set_header X-Forwarded-Proto $scheme;
           proxy_set_header X-Forwarded-Host $http_host;
         }} }}",
        backend.port
    );
    start_nginx(scratch, "nginx", port, workers, &site)
}

fn start_nginx(
    scratch: &Scratch,
    name: &'static str,
    port: u16,
    workers: usize,
    site: &str,
) -> Result<Server, String> {
    let log = scratch.0.join(format!("{name}.log"));
    let pid = scratch.0.join(format!("{name}.pid"));
    let config = format!(
        "daemon off; worker_processes {workers}; pid {}; error_log {};
         events {{ worker_connections 4096; }}
         http {{ access_log off; tcp_nodelay on; keepalive_requests 1000000000; {site} }}",
        pid.display(),
        log.display()
    );
    let config = scratch.file(&format!("{name}.conf"), &config)?;
    let mut command = Command::new("nginx");
    command
        .arg("-p")
        .arg(&scratch.0)
        .arg("-c")
        .arg(config)
        .arg("-e")
        .arg(log);
    Server::start(name, port, &mut command)?.ready()
}

fn haproxy(scratch: &Scratch, backend: &Server, threads: usize) -> Result<Server, String> {
    let port = free_port()?;
    let config = format!(
        "global
  nbthread {threads}
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option http-keep-alive
  option forwardfor
frontend front
  bind 127.0.0.1:{port}
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(Host)]
  default_backend back
backend back
  http-reuse always
  server one 127.0.0.1:{} pool-max-conn 256
",
        backend.port
    );
    let config = scratch.file("haproxy.cfg", &config)?;
    Server::start(
        "haproxy",
        port,
        Command::new("haproxy").arg("-db").arg("-f").arg(config),
    )?
    .ready()
}

/// The proxy as it is delivered, with its routes put where a proxy before it would have left them.
fn towpath(program: &Path, scratch: &Scratch, backend: &Server) -> Result<Server, String> {
    let port = free_port()?;
    let directory = scratch.0.join("towpath");
    fs::create_dir_all(&directory).map_err(text)?;
    let routes = format!(
        r#"{{"form":1,"environments":{{"bench":{{"fence":1,"services":{{"web":{{
            "listen":"127.0.0.1:{port}","release":"v1","fence":1,
            "upstreams":[{{"key":"backend","address":"127.0.0.1:{}"}}]}}}}}}}}}}"#,
        backend.port
    );
    fs::write(directory.join("routes.json"), routes).map_err(text)?;
    let mut command = Command::new(program);
    command.arg("proxy").arg("--dir").arg(directory);
    Server::start("towpath", port, &mut command)?.ready()
}

/// What one run of the load gave.
struct Run {
    per_second: f64,
    median: f64,
    slowest: f64,
    /// Microseconds of a core per request.
    cpu: f64,
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:>8.0} requests/s, p50 {:>6.2} ms, p99 {:>6.2} ms, {:>5.1} µs of a core per request",
            self.per_second, self.median, self.slowest, self.cpu
        )
    }
}

fn measure(server: &Server, settings: &Settings) -> Result<Run, String> {
    let before = server.cpu();
    let said = load(server.port, settings.seconds, settings)?;
    let spent = server.cpu().saturating_sub(before);
    let missing = || format!("wrk said nothing that can be understood:\n{said}");
    let count: f64 = word_before(&said, "requests in").ok_or_else(missing)?;
    Ok(Run {
        per_second: word_after(&said, "Requests/sec:")
            .and_then(|n| n.parse().ok())
            .ok_or_else(missing)?,
        median: word_after(&said, "50%")
            .and_then(milliseconds)
            .ok_or_else(missing)?,
        slowest: word_after(&said, "99%")
            .and_then(milliseconds)
            .ok_or_else(missing)?,
        cpu: spent.as_secs_f64() * 1e6 / count,
    })
}

fn load(port: u16, seconds: u64, settings: &Settings) -> Result<String, String> {
    let output = Command::new("wrk")
        .args(["--threads", "2", "--latency"])
        .args(["--connections", &settings.connections.to_string()])
        .args(["--duration", &format!("{seconds}s")])
        .arg(format!("http://127.0.0.1:{port}/"))
        .output()
        .map_err(text)?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    match said.contains("Socket errors") || said.contains("Non-2xx") || !output.status.success() {
        true => Err(format!("requests failed:\n{said}")),
        false => Ok(said),
    }
}

/// The first word behind a mark that begins a line.
fn word_after<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    let mut lines = text.lines().map(str::trim_start);
    let rest = lines.find_map(|line| line.strip_prefix(mark))?;
    rest.split_whitespace().next()
}

/// The number before a mark.
fn word_before(text: &str, mark: &str) -> Option<f64> {
    text.split_once(mark)?
        .0
        .split_whitespace()
        .last()?
        .parse()
        .ok()
}

/// A time as wrk writes it.
fn milliseconds(text: &str) -> Option<f64> {
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(split);
    let factor = match unit {
        "us" => 1e-3,
        "ms" => 1.0,
        "s" => 1e3,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}

fn median(runs: &[Run], of: impl Fn(&Run) -> f64) -> f64 {
    let mut values: Vec<f64> = runs.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn report(contenders: &[Server], runs: &[Vec<Run>], idle: &[f64]) -> Result<(), String> {
    let rate = |who: usize| median(&runs[who], |run| run.per_second);
    println!("\nmedians over the rounds; × is the rate of requests against nginx and HAProxy");
    println!(
        "| proxy | requests/s | × nginx | × HAProxy | p50 ms | p99 ms | core µs/request | PSS idle MB | PSS after MB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (who, contender) in contenders.iter().enumerate() {
        println!(
            "| {} | {:.0} | {:.2} | {:.2} | {:.2} | {:.2} | {:.1} | {:.1} | {:.1} |",
            contender.name,
            rate(who),
            rate(who) / rate(1),
            rate(who) / rate(2),
            median(&runs[who], |run| run.median),
            median(&runs[who], |run| run.slowest),
            median(&runs[who], |run| run.cpu),
            idle[who],
            contender.memory()?,
        );
    }
    Ok(())
}

fn text(error: impl ToString) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wrk_says_is_understood() {
        let said = "    Latency     1.62ms    2.39ms  28.72ms   91.99%\n  Latency Distribution\n     50%  284.00us\n     99%    9.72ms\n  \
                    478000 requests in 5.00s, 92.11MB read\nRequests/sec:  95585.70\n";
        let time = |mark| word_after(said, mark).and_then(milliseconds);
        assert_eq!(time("99%"), Some(9.72));
        assert!(time("50%").is_some_and(|time| (0.283..0.285).contains(&time)));
        assert_eq!(word_after(said, "Requests/sec:"), Some("95585.70"));
        assert_eq!(word_before(said, "requests in"), Some(478_000.0));
        assert_eq!(milliseconds("1.50s"), Some(1500.0));
        assert_eq!(milliseconds("fast"), None);
    }

    #[test]
    fn settings_are_numbers() {
        let parse = |args: &[&str]| {
            let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
            Settings::parse(&args).map(|settings| (settings.rounds, settings.seconds))
        };
        assert_eq!(parse(&[]), Ok((5, 10)));
        assert_eq!(parse(&["--rounds", "2", "--seconds", "3"]), Ok((2, 3)));
        assert!(parse(&["--rounds"]).is_err());
        assert!(parse(&["--rounds", "0"]).is_err());
        assert!(parse(&["--laps", "1"]).is_err());
    }
}
