//! `cargo xtask test`: everything that must hold before a change is good. The list of stages is here, how they run is
//! in `stage`.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::{
    Failure, needs,
    stage::{Cargo, Stage, run_all},
};

/// Runs every check, or with `--fast` those that a change is likeliest to break.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let fast = match args {
        [] => false,
        [flag] if flag == "--fast" => true,
        _ => {
            return Err(Failure::Usage(format!(
                "`test` knows only --fast, not `{}`",
                args.join(" ")
            )));
        }
    };
    needs::ensure().map_err(Failure::Failed)?;
    let root = root();
    let tools = Tools::look(&root);
    let mut stages = tools.stages(&root);
    if !fast {
        stages.extend(tools.documentation(&root));
    }
    run_all(&stages).map_err(Failure::Failed)
}

/// The repository's root.
fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}

/// Which of cargo's companions are installed.
struct Tools {
    rustfmt: bool,
    clippy: bool,
    nextest: bool,
}

impl Tools {
    fn look(root: &Path) -> Self {
        let works = |args: &[&str]| Cargo::new(root, args).works();
        Tools {
            rustfmt: works(&["fmt", "--version"]),
            clippy: works(&["clippy", "--version"]),
            nextest: works(&["nextest", "--version"]),
        }
    }

    /// The stages that every workspace has.
    fn stages(&self, directory: &Path) -> Vec<Stage> {
        let formatting = if self.rustfmt {
            Stage::run(
                "formatting",
                Cargo::new(directory, &["fmt", "--all", "--check"]),
            )
        } else {
            Stage::skip("formatting", &remedy("rustfmt"))
        };
        let lints = if self.clippy {
            let strict = "clippy --workspace --all-targets -- -D warnings";
            let words: Vec<&str> = strict.split(' ').collect();
            Stage::run("lints", Cargo::new(directory, &words))
        } else {
            Stage::skip("lints", &remedy("clippy"))
        };
        vec![
            formatting,
            lints,
            Stage::run("tests", self.tests(directory)),
        ]
    }

    /// The command that runs a workspace's tests.
    fn tests(&self, directory: &Path) -> Cargo {
        if !self.nextest {
            return Cargo::new(directory, &["test", "--workspace", "--no-fail-fast"]);
        }
        let profile = match env::var_os("CI") {
            Some(_) => "ci",
            None => "default",
        };
        Cargo::new(
            directory,
            &["nextest", "run", "--workspace", "--profile", profile],
        )
    }

    /// The documentation's tests, which nextest leaves to cargo.
    fn documentation(&self, directory: &Path) -> Option<Stage> {
        self.nextest.then(|| {
            Stage::run(
                "tests of the documentation",
                Cargo::new(directory, &["test", "--workspace", "--doc"]),
            )
        })
    }
}

/// Why a stage is left out that needs one of the toolchain's components, and what to do about it.
fn remedy(component: &str) -> String {
    format!("{component} is not installed; run `rustup component add {component}`")
}
