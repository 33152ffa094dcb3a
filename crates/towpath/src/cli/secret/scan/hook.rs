//! The hook that has git look before each commit.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde_json::json;

use crate::{
    cli::{error::CliError, exit::Exit},
    git,
};

/// What makes the hook ours.
const MARK: &str = "# by `towpath secret scan --install-hook`";
const LINE: &str = "towpath secret scan --staged || exit 1";

/// Writes the hook. One that somebody else wrote is left alone.
pub(super) async fn install(root: &Path, as_json: bool) -> Result<Exit, CliError> {
    let directory = git::hooks_of(root).await.map_err(|error| {
        CliError::new(
            Exit::Disorder,
            "git::failed",
            error.to_string(),
            error.help(),
        )
    })?;
    let path = directory.join("pre-commit");
    let failed = |error: io::Error| {
        CliError::new(
            Exit::Disorder,
            "secrets::hook",
            format!("could not write {}: {error}", path.display()),
            format!("add this line to your hook: {LINE}"),
        )
    };
    match fs::read_to_string(&path) {
        Ok(text) if text.contains(LINE) => {}
        Ok(_) => {
            return Err(CliError::new(
                Exit::Refused,
                "secrets::hook",
                format!("there is a hook already: {}", path.display()),
                format!("add this line to it: {LINE}"),
            ));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => write(&path).map_err(failed)?,
        Err(error) => return Err(failed(error)),
    }
    match as_json {
        true => println!("{}", json!({"version": 1, "hook": path})),
        false => println!(
            "git looks for secrets before each commit: {}",
            path.display()
        ),
    }
    Ok(Exit::Done)
}

fn write(path: &PathBuf) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    crate::files::replace(path, &format!("#!/bin/sh\n{MARK}\n{LINE}\n"))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}
