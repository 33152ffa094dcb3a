//! `cargo xtask test`: everything that must hold before a change is good. The list of stages is here, how they run is
//! in `stage`.

use std::{
    env, io,
    path::{Path, PathBuf},
};

use crate::{
    Failure, guestbook, needs,
    stage::{Cargo, Stage, run_all},
    stand_ins,
};

/// Runs every check, with `--fast` those that a change is likeliest to break, with a text those whose stages' names
/// contain it.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let (fast, part) = match args {
        [] => (false, None),
        [flag] if flag == "--fast" => (true, None),
        [part] if !part.starts_with('-') => (false, Some(part)),
        _ => {
            let given = args.join(" ");
            return Err(Failure::Usage(format!("`test` does not know `{given}`")));
        }
    };
    needs::ensure(needs::TESTS).map_err(Failure::Failed)?;
    let root = root();
    let tools = Tools::look(&root);
    let workspace = Place {
        label: String::new(),
        directory: &root,
        target: None,
    };
    let mut stages = tools.stages(&root, &workspace);
    if !fast {
        stages.extend(tools.documentation(&workspace));
        stages.extend(tools.guestbook(&root).map_err(|error| {
            Failure::Failed(format!("could not read examples/guestbook: {error}"))
        })?);
    }
    if let Some(part) = part {
        stages.retain(|stage| stage.is_about(part));
        if stages.iter().all(Stage::is_preparation) {
            return Err(Failure::Usage(format!("no stage is about `{part}`")));
        }
    }
    if stages.iter().any(|stage| stage.is_called("tests")) {
        servers().map_err(Failure::Failed)?;
    }
    run_all(stages).map_err(Failure::Failed)
}

/// Makes sure of the servers that tests ask. On a machine that builds everything for everybody one that cannot be had
/// is a failure; on a person's own, the tests that need it say that they are skipped.
fn servers() -> Result<(), String> {
    match needs::ensure(needs::SERVERS).and_then(|()| stand_ins::ensure()) {
        Err(why) if env::var_os("CI").is_none() => {
            println!("xtask: {why}; the tests that need it are skipped");
            Ok(())
        }
        ended => ended,
    }
}

/// The repository's root.
fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}

/// A cargo workspace to check.
struct Place<'a> {
    /// What its stages' names begin with.
    label: String,
    /// Where it is.
    directory: &'a Path,
    /// Where it is built, if not where everything is.
    target: Option<&'a Path>,
}

impl Place<'_> {
    /// A stage that runs cargo here.
    fn run(&self, name: &str, args: &[&str]) -> Stage {
        let cargo = Cargo::new(self.directory, args).target(self.target);
        Stage::run(&format!("{}{name}", self.label), cargo)
    }

    /// A stage that cannot be run for want of one of the toolchain's components.
    fn without(&self, name: &str, component: &str) -> Stage {
        let why = format!("{component} is not installed; run `rustup component add {component}`");
        Stage::skip(&format!("{}{name}", self.label), &why)
    }
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
    fn stages(&self, root: &Path, place: &Place<'_>) -> Vec<Stage> {
        let formatting = match self.rustfmt {
            true => place.run("formatting", &["fmt", "--all", "--check"]),
            false => place.without("formatting", "rustfmt"),
        };
        let lints = match self.clippy {
            true => {
                let strict = "clippy --workspace --all-targets -- -D warnings";
                place.run("lints", &strict.split(' ').collect::<Vec<_>>())
            }
            false => place.without("lints", "clippy"),
        };
        vec![formatting, lints, self.tests(root, place)]
    }

    /// The stage that runs a workspace's tests, the documentation's left out where nextest does it.
    fn tests(&self, root: &Path, place: &Place<'_>) -> Stage {
        if !self.nextest {
            return place.run("tests", &["test", "--workspace", "--no-fail-fast"]);
        }
        let profile = match env::var_os("CI") {
            Some(_) => "ci",
            None => "default",
        };
        let config = root.join(".config/nextest.toml").display().to_string();
        let args = "nextest run --workspace --profile";
        let mut args: Vec<&str> = args.split(' ').collect();
        args.extend([profile, "--config-file", &config]);
        place.run("tests", &args)
    }

    /// The stages of every release of the example.
    fn guestbook(&self, root: &Path) -> io::Result<Vec<Stage>> {
        let (work, target) = (guestbook::work(root), guestbook::target(root));
        let mut stages = Vec::new();
        for release in guestbook::releases(root)? {
            let place = Place {
                label: format!("{}: ", release.name),
                directory: &work,
                target: Some(&target),
            };
            let directory = work.clone();
            let name = format!("{}laying out", place.label);
            stages.push(Stage::prepare(&name, move || release.lay_out(&directory)));
            stages.extend(self.stages(root, &place));
        }
        Ok(stages)
    }

    /// The documentation's tests, which nextest leaves to cargo.
    fn documentation(&self, place: &Place<'_>) -> Option<Stage> {
        let args = ["test", "--workspace", "--doc"];
        self.nextest
            .then(|| place.run("tests of the documentation", &args))
    }
}
