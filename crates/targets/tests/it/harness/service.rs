//! A service over HTTP in a few lines, and a starter of jobs that gets killed.

use std::{
    env,
    ffi::OsString,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::Path,
    process::{self, ExitCode},
    thread,
    time::{Duration, Instant},
};

use towpath_core::runner::{JobSpec, Runner};
use towpath_secrets::hygiene;
use towpath_targets::{process::ProcessRunner, shim::Launcher};

/// Answers on `PORT`: `/healthz` says that it is well unless `SICK` is set, `/pid` says who it is, `/env/NAME` what is
/// in its environment.
pub fn serve() -> ExitCode {
    let port = env::var("PORT").expect("PORT is set");
    let listener = match TcpListener::bind(("127.0.0.1", port.parse().expect("a port"))) {
        Ok(listener) => listener,
        Err(cause) => {
            eprintln!("could not listen on {port}: {cause}");
            return ExitCode::FAILURE;
        }
    };
    println!("listening on {port}");
    for stream in listener.incoming().flatten() {
        thread::spawn(move || {
            let mut reader = BufReader::new(&stream);
            let mut request = String::new();
            while reader
                .read_line(&mut request)
                .is_ok_and(|length| length > 2)
            {}
            let path = request.split(' ').nth(1).unwrap_or("/");
            let (status, body) = match path {
                "/healthz" if env::var_os("SICK").is_some() => (503, "sick".into()),
                "/pid" => (200, process::id().to_string()),
                path => match path.strip_prefix("/env/") {
                    Some(name) => (200, env::var(name).unwrap_or_default()),
                    None => (200, "well".into()),
                },
            };
            let length = body.len();
            let _ = write!(
                &stream,
                "HTTP/1.1 {status} -\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
        });
    }
    ExitCode::SUCCESS
}

/// Says hello and stays.
pub fn greet() -> ExitCode {
    println!("hello");
    thread::sleep(Duration::from_secs(3600));
    ExitCode::SUCCESS
}

/// Starts a job per command, with the keys 0, 1 and so on, says so, and waits to be killed. As whoever handles secrets it
/// leaves no core dump.
pub fn start_jobs(root: &OsString, commands: &[OsString]) -> ExitCode {
    hygiene::no_core_dumps().expect("core dumps can be switched off");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let runner = ProcessRunner::new(Path::new(root), Launcher::this());
        for (key, command) in commands.iter().enumerate() {
            let job = JobSpec {
                key: key.to_string(),
                command: command.to_string_lossy().into_owned(),
                directory: root.into(),
                variables: [].into(),
                secrets: [].into(),
                credentials: [].into(),
            };
            runner.start(&job).await.expect("the job starts");
        }
        println!("started");
        std::future::pending::<()>().await;
    });
    ExitCode::SUCCESS
}

/// Runs `true` as a job again and again, under the shim of an executable, and prints how long it takes from the start to
/// the known end.
pub fn time_jobs(root: &OsString, executable: &OsString) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut times: Vec<(Duration, Duration)> = runtime.block_on(async {
        let runner = ProcessRunner::new(Path::new(root), Launcher::new(executable));
        let mut times = Vec::new();
        for key in 0..200 {
            let job = JobSpec {
                key: key.to_string(),
                command: "true".into(),
                directory: root.into(),
                variables: [].into(),
                secrets: [].into(),
                credentials: [].into(),
            };
            let begun = Instant::now();
            runner.start(&job).await.expect("the job starts");
            let started = begun.elapsed();
            runner.ended(&job.key).await.expect("the job ends");
            times.push((begun.elapsed(), started));
        }
        times
    });
    times.sort();
    let at = |share: usize| times[times.len() * share / 100];
    println!(
        "start to end (of it, the start): median {:?}, p90 {:?}",
        at(50),
        at(90)
    );
    ExitCode::SUCCESS
}
