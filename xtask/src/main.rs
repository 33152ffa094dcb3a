//! `cargo xtask`: the project's own chores. Each verb is a module; what it does is told by `cargo xtask help`.

mod bench;
mod bench_catalogue;
mod bench_histories;
mod bench_migrate;
mod bench_path;
mod bench_proxy;
mod bench_secrets;
mod docs;
mod guestbook;
#[path = "../../crates/probe/tests/stand-ins/histories.rs"]
mod histories;
mod needs;
#[path = "../../crates/probe/tests/stand-ins/place.rs"]
mod place;
mod stage;
mod stand_ins;
mod tally;
mod test;

use std::{env, process::ExitCode};

/// Why a chore ended without success.
enum Failure {
    /// It was asked for wrongly.
    Usage(String),
    /// It ran, and something is wrong.
    Failed(String),
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let (verb, rest) = match args.split_first() {
        Some((verb, rest)) => (verb.as_str(), rest),
        None => ("", args.as_slice()),
    };
    let done = match verb {
        "test" => test::run(rest),
        "bench" => bench::run(rest),
        "docs" => docs::run(rest),
        "help" | "--help" | "-h" => {
            println!("{}", help());
            Ok(())
        }
        "" => Err(Failure::Usage("a chore is missing".into())),
        other => Err(Failure::Usage(format!("there is no chore `{other}`"))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Failed(why)) => {
            println!("xtask: {why}");
            ExitCode::from(1)
        }
        Err(Failure::Usage(why)) => {
            eprintln!("xtask: {why}\n\n{}", help());
            ExitCode::from(2)
        }
    }
}

/// The help text.
fn help() -> String {
    format!(
        "\
usage: cargo xtask <chore>

  test              formatting, lints and every test, and those of examples/guestbook
  test --fast       without the example and the documentation's tests
  test <part>       only the stages whose names contain this, such as `guestbook` or `lints`
  bench <name> ...  a benchmark, one command each: {}
  docs              writes docs/reference/ anew, from the program itself
  help              this text",
        bench::names()
    )
}
