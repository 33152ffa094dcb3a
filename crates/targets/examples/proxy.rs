//! The proxy alone, for measuring it: `proxy DIRECTORY`.

use std::{env, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let Some(directory) = env::args_os().nth(1) else {
        eprintln!("usage: proxy DIRECTORY");
        return ExitCode::from(2);
    };
    match towpath_targets::proxy::run(Path::new(&directory)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("could not run the proxy: {error}");
            ExitCode::FAILURE
        }
    }
}
