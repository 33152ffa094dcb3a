//! `cargo xtask bench catalogue`: how long the verbs that only read a manifest take, on one of 200 environments that use 5,000
//! resources, and how long the import of the page made from it takes. Whole processes, as a person starts them.

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::bench;

const ENVIRONMENTS: usize = 200;
const RESOURCES: usize = 5_000;
const RUNS: usize = 41;

/// Measures each verb and prints a line for it.
pub(crate) fn run(_args: &[String]) -> Result<(), String> {
    let towpath = bench::towpath()?;
    let root = std::env::temp_dir().join(format!("towpath-bench-catalogue-{}", std::process::id()));
    fs::create_dir_all(&root)
        .map_err(|error| format!("could not make {}: {error}", root.display()))?;
    let done = measure(&root, &towpath);
    let _ = fs::remove_dir_all(&root);
    done
}

fn measure(root: &Path, towpath: &Path) -> Result<(), String> {
    let manifest = manifest();
    fs::write(root.join("towpath.toml"), &manifest).map_err(|error| error.to_string())?;
    println!(
        "{ENVIRONMENTS} environments, {RESOURCES} resources, {} kB; the median of {RUNS} runs, the fastest and the slowest",
        manifest.len() / 1000
    );
    let verbs: [(&str, &[&str]); 6] = [
        ("check", &["check"]),
        ("env show", &["env", "show", "env-100"]),
        ("env list --json", &["env", "list", "--json"]),
        ("docs", &["docs"]),
        ("docs --format html", &["docs", "--format", "html"]),
        ("docs --check", &["docs", "--check"]),
    ];
    time(
        towpath,
        root,
        "docs --out",
        &["docs", "--out", "ENVIRONMENTS.md"],
        1,
    )?;
    for (name, args) in verbs {
        time(towpath, root, name, args, RUNS)?;
    }
    time(towpath, root, "import", &["import", "ENVIRONMENTS.md"], 5)
}

/// Runs a verb again and again.
fn time(towpath: &Path, root: &Path, name: &str, args: &[&str], runs: usize) -> Result<(), String> {
    let mut took = Vec::with_capacity(runs);
    for _ in 0..runs {
        let begun = Instant::now();
        let status = Command::new(towpath)
            .args(args)
            .current_dir(root)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .map_err(|error| error.to_string())?;
        took.push(begun.elapsed());
        if !status.success() {
            return Err(format!("`towpath {}` ended with {status}", args.join(" ")));
        }
    }
    took.sort();
    let ms = |span: Option<&Duration>| span.map_or(0.0, |span| span.as_secs_f64() * 1000.0);
    println!(
        "{name:<20} {:6.1} ms   {:.1} to {:.1} ms",
        ms(took.get(runs / 2)),
        ms(took.first()),
        ms(took.last()),
    );
    Ok(())
}

/// Every fifth resource is one that the environment before declares.
fn manifest() -> String {
    let mut text = String::from(
        "[project]\nname = \"large\"\n\n[groups.production]\n\n[groups.development]\n\n\
         [roles.developer]\nmembers = [\"dana@acme.test\"]\n",
    );
    let each = RESOURCES / ENVIRONMENTS;
    for environment in 0..ENVIRONMENTS {
        let _ = write!(
            text,
            "\n[environments.env-{environment}]\ndescription = \"Environment number {environment}\"\n\
             aliases = [\"e{environment}\"]\ngroup = \"development\"\nbranch = \"branch-{environment}\"\n\
             used_by = [\"developer\"]\n"
        );
        for resource in 0..each {
            let _ = writeln!(
                text,
                "\n[environments.env-{environment}.resources.vendor-{resource}]"
            );
            if resource % 5 == 4 && environment > 0 && environment % 2 == 1 {
                let _ = writeln!(text, "from = \"env-{}\"", environment - 1);
                continue;
            }
            let _ = writeln!(
                text,
                "description = \"What vendor {resource} does\"\nkind = \"vendor-{resource}\"\nid = \"{environment}-{resource}\"\n\
                 link = \"https://vendor-{resource}.test/{environment}\"\nowner = \"platform\""
            );
        }
    }
    text
}
