//! `towpath proxy`: the traffic proxy, a process of its own.

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{Args, Parser};

use super::exit::Exit;

/// Run the traffic proxy on a directory. Towpath starts it by itself
#[derive(Args)]
pub struct Proxy {
    /// Its directory: socket, routes and lock.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

#[derive(Parser)]
#[command(name = "towpath proxy")]
struct Alone {
    #[command(flatten)]
    proxy: Proxy,
}

/// Runs the proxy of this process, before anything else of the application is set up.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let alone = Alone::parse_from(std::iter::once("towpath proxy".into()).chain(arguments));
    match towpath_targets::proxy::run(&alone.proxy.dir) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            Exit::Disorder.into()
        }
    }
}
