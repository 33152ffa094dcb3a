//! `cargo xtask docs`: writes the reference in `docs/reference/` anew, from the program itself.

use std::{fs, path::Path, process::Command};

use crate::Failure;

/// What is written, and what prints it.
const PAGES: [(&str, &str); 2] = [("cli.md", "reference"), ("towpath.schema.json", "schema")];

/// Writes every page.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    if let Some(arg) = args.first() {
        return Err(Failure::Usage(format!("docs takes no `{arg}`")));
    }
    let place = Path::new("docs/reference");
    fs::create_dir_all(place).map_err(failed)?;
    for (page, verb) in PAGES {
        let path = place.join(page);
        if !path.exists() {
            // The program's tests read it while they are compiled.
            fs::write(&path, "").map_err(failed)?;
        }
        let printed = Command::new("cargo")
            .args(["run", "--quiet", "--package", "towpath", "--", verb])
            .output()
            .map_err(failed)?;
        if !printed.status.success() {
            let said = String::from_utf8_lossy(&printed.stderr).into_owned();
            return Err(Failure::Failed(format!("`towpath {verb}`: {said}")));
        }
        fs::write(&path, printed.stdout).map_err(failed)?;
        println!("wrote {}", path.display());
    }
    Ok(())
}

fn failed(error: std::io::Error) -> Failure {
    Failure::Failed(error.to_string())
}
