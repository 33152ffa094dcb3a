//! The binary. The shim and the proxy are told apart first: they outlive everything else, and are to stay small.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next() {
        Some(verb) if verb == "shim" => towpath_targets::shim::main(arguments),
        Some(verb) if verb == "proxy" => towpath::cli::proxy::run(arguments),
        _ => towpath::cli::run(),
    }
}
