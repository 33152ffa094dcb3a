//! `cargo xtask bench NAME`: finds the benchmark and hands it the rest of the command line.

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::{Failure, stand_ins};

/// One benchmark.
struct Bench {
    /// The name that people type.
    name: &'static str,
    /// Runs it; the arguments are those after the name.
    run: fn(&[String]) -> Result<(), String>,
}

/// Every benchmark there is; a new one is a module and a line here.
const BENCHES: &[Bench] = &[
    Bench {
        name: "catalogue",
        run: crate::bench_catalogue::run,
    },
    Bench {
        name: "histories",
        run: crate::bench_histories::run,
    },
    Bench {
        name: "migrate",
        run: crate::bench_migrate::run,
    },
    Bench {
        name: "path",
        run: crate::bench_path::run,
    },
    Bench {
        name: "proxy",
        run: crate::bench_proxy::run,
    },
    Bench {
        name: "secrets",
        run: crate::bench_secrets::run,
    },
];

/// Runs the benchmark that the first argument names.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let Some((name, rest)) = args.split_first() else {
        return Err(Failure::Usage("a benchmark's name is missing".into()));
    };
    match BENCHES.iter().find(|bench| bench.name == name) {
        Some(bench) => (bench.run)(rest).map_err(Failure::Failed),
        None => Err(Failure::Usage(format!("there is no benchmark `{name}`"))),
    }
}

/// The program to measure: the release build, made here, unless `TOWPATH_BIN` names one.
pub(crate) fn towpath() -> Result<PathBuf, String> {
    let told = |error: std::io::Error| format!("could not find the program to measure: {error}");
    if let Some(named) = env::var_os("TOWPATH_BIN") {
        return fs::canonicalize(named).map_err(told);
    }
    let mut build = Command::new(stand_ins::cargo());
    build
        .args(["build", "--quiet", "--release", "--package", "towpath"])
        .stdout(Stdio::null());
    stand_ins::run(build, "cargo build --release --package towpath")?;
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    fs::canonicalize(target.join("release/towpath")).map_err(told)
}

/// The benchmarks' names, for the help text.
pub(crate) fn names() -> String {
    BENCHES
        .iter()
        .map(|bench| bench.name)
        .collect::<Vec<_>>()
        .join(", ")
}
