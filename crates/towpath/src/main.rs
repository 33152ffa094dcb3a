//! The binary. The shim and the proxy are told apart first: they outlive everything else, and are to stay small.

use std::process::ExitCode;

use towpath_secrets::hygiene;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next() {
        Some(verb) if verb == "shim" => towpath_targets::shim::main(arguments),
        // It has no secrets, and is found by its environment, which nobody could read then.
        Some(verb) if verb == "proxy" => towpath::cli::proxy::run(arguments),
        _ => {
            // Before there is anything in memory that must not get onto a disk.
            if let Err(error) = hygiene::no_core_dumps() {
                eprintln!("warning: a crash may leave secrets in a core dump: {error}");
            }
            towpath::cli::run()
        }
    }
}
