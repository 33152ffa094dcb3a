//! `cargo xtask bench migrate`: many small migrations on a PostgreSQL server, applied by sqlx-cli, by dbmate and by Towpath
//! in turns. The tools are installed here, the comparison is an example of `towpath-migrate`.

use std::process::Command;

use crate::{bench, histories::MIGRATORS, needs, stand_ins};

/// Runs the comparison: `[--rounds N [--migrations N]]`.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    needs::ensure(needs::SERVERS)?;
    needs::ensure(needs::MIGRATORS)?;
    stand_ins::ensure()?;
    stand_ins::install(&MIGRATORS, |directory| {
        stand_ins::build(&MIGRATORS, directory)
    })?;
    let mut command = Command::new(stand_ins::cargo());
    command
        .args(["run", "--quiet", "--release", "--package"])
        .args(["towpath-migrate", "--example", "many", "--"])
        .args(args)
        .env("TOWPATH_BIN", bench::towpath()?);
    stand_ins::run(command, "the comparison of many migrations")
}
