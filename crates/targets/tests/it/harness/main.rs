//! The executable that the tests start: the roles that `towpath` itself has for targets, and a small service.

mod service;

use std::{env, ffi::OsString, path::Path, process::ExitCode};

use towpath_targets::{proxy, shim};

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let role = arguments.next().unwrap_or_default();
    if role == "shim" {
        return shim::main(arguments);
    }
    let arguments: Vec<OsString> = arguments.collect();
    match (role.to_str(), arguments.as_slice()) {
        (Some("proxy"), [_, directory]) => match proxy::run(Path::new(directory)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(cause) => {
                eprintln!("{cause}");
                ExitCode::FAILURE
            }
        },
        (Some("greet"), []) => service::greet(),
        (Some("serve"), []) => service::serve(),
        (Some("start-jobs"), [root, commands @ ..]) => service::start_jobs(root, commands),
        (Some("time-jobs"), [root, executable]) => service::time_jobs(root, executable),
        _ => ExitCode::from(64),
    }
}
