//! Programs that the tests and benchmarks need beside cargo: looks for each, and installs what is missing through the system's package
//! manager where that is allowed without asking anybody.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::place;

/// A program that some test or benchmark runs.
pub(crate) struct Need {
    /// Its name on the search path, or where servers are.
    program: &'static str,
    /// Arguments with which it ends well only if all is there that is needed of it.
    proof: &'static [&'static str],
    /// What needs it.
    why: &'static str,
    /// The packages that bring it, in the order of [`MANAGERS`]; empty where that system has another way.
    packages: [&'static [&'static str]; 4],
}

/// What benchmarks need beside that: a load generator, and the peers.
pub(crate) const BENCHES: &[Need] = &[
    Need {
        program: "wrk",
        proof: &[],
        why: "it makes the load",
        packages: [&["wrk"], &["wrk"], &["wrk"], &["wrk"]],
    },
    Need {
        program: "nginx",
        proof: &[],
        why: "the proxy is compared with it",
        packages: [&["nginx-light"], &["nginx"], &["nginx"], &["nginx"]],
    },
    Need {
        program: "haproxy",
        proof: &[],
        why: "the proxy is compared with it",
        packages: [&["haproxy"], &["haproxy"], &["haproxy"], &["haproxy"]],
    },
];

/// What it takes to build the tools that migrate PostgreSQL databases, beside the servers.
pub(crate) const MIGRATORS: &[Need] = &[
    Need {
        program: "pg_config",
        proof: &[],
        why: "Diesel's program links with PostgreSQL's library",
        packages: [&["libpq-dev"], &["libpq-devel"], &["libpq-dev"], &["libpq"]],
    },
    Need {
        program: "pkg-config",
        proof: &["--exists", "openssl"],
        why: "refinery's program links with OpenSSL",
        packages: [
            &["pkg-config", "libssl-dev"],
            &["pkgconf-pkg-config", "openssl-devel"],
            &["pkgconf", "openssl-dev"],
            &["pkg-config", "openssl@3"],
        ],
    },
];

/// What tests need; a test that needs one more program adds its line here.
pub(crate) const TESTS: &[Need] = &[
    Need {
        program: "git",
        proof: &[],
        why: "tests drive real repositories",
        packages: [&["git"], &["git"], &["git"], &["git"]],
    },
    Need {
        program: "cc",
        proof: &[],
        why: "SQLite is built from its source, and Rust links with it",
        packages: [&["gcc", "libc6-dev"], &["gcc"], &["gcc", "musl-dev"], &[]],
    },
];

/// The servers that tests of probes ask, and what runs those from npm and PyPI.
pub(crate) const SERVERS: &[Need] = &[
    Need {
        program: "postgres",
        proof: &[],
        why: "a PostgreSQL server is asked",
        packages: [
            &["postgresql"],
            &["postgresql-server"],
            &["postgresql"],
            &["postgresql"],
        ],
    },
    Need {
        program: "mariadbd",
        proof: &[],
        why: "a MariaDB server is asked",
        packages: [
            &["mariadb-server-core"],
            &["mariadb-server"],
            &["mariadb"],
            &["mariadb"],
        ],
    },
    Need {
        program: "my_print_defaults",
        proof: &[],
        why: "a MariaDB server is set up with it",
        packages: [
            &["mariadb-client-core"],
            &["mariadb-server"],
            &["mariadb"],
            &["mariadb"],
        ],
    },
    Need {
        program: "mariadb-dump",
        proof: &[],
        why: "a MariaDB database is copied with it",
        packages: [
            &["mariadb-client"],
            &["mariadb"],
            &["mariadb-client"],
            &["mariadb-clients"],
        ],
    },
    Need {
        program: "dockerd",
        proof: &[],
        why: "a Docker engine is asked",
        packages: [&["docker.io"], &["moby-engine"], &["docker-engine"], &[]],
    },
    Need {
        program: "node",
        proof: &[],
        why: "an OpenID provider that runs on it is asked",
        packages: [&["nodejs"], &["nodejs"], &["nodejs"], &["node"]],
    },
    Need {
        program: "npm",
        proof: &[],
        why: "it installs an OpenID provider",
        packages: [&["npm"], &["nodejs-npm"], &["npm"], &["node"]],
    },
    Need {
        program: "python3",
        proof: &["-c", "import ensurepip, venv"],
        why: "stand-ins for AWS and for a mail server run on it",
        packages: [
            &["python3", "python3-venv"],
            &["python3"],
            &["python3"],
            &["python3"],
        ],
    },
];

/// A system's package manager.
struct Manager {
    /// Its program.
    program: &'static str,
    /// Arguments that refresh its index, where it does not do so by itself.
    refresh: Option<&'static [&'static str]>,
    /// Arguments before the packages to install.
    install: &'static [&'static str],
    /// Whether it must run as root.
    as_root: bool,
}

/// The package managers that are known.
const MANAGERS: [Manager; 4] = [
    Manager {
        program: "apt-get",
        refresh: Some(&["update", "-qq"]),
        install: &["install", "-y", "-qq", "--no-install-recommends"],
        as_root: true,
    },
    Manager {
        program: "dnf",
        refresh: None,
        install: &["install", "-y", "-q"],
        as_root: true,
    },
    Manager {
        program: "apk",
        refresh: None,
        install: &["add", "--no-cache"],
        as_root: true,
    },
    Manager {
        program: "brew",
        refresh: None,
        install: &["install"],
        as_root: false,
    },
];

/// Makes sure that every needed program is there, or says what a person has to do.
pub(crate) fn ensure(needs: &[Need]) -> Result<(), String> {
    let missing: Vec<&Need> = needs.iter().filter(|need| !need.is_there()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for need in &missing {
        println!("xtask: {} is missing; {}", need.program, need.why);
    }
    let names = join(missing.iter().map(|need| need.program));
    let Some((column, manager)) = MANAGERS
        .iter()
        .enumerate()
        .find(|(_, manager)| find(manager.program).is_some())
    else {
        return Err(format!(
            "please install {names}: no package manager was found here that could do it"
        ));
    };
    let packages: Vec<&str> = missing
        .iter()
        .flat_map(|need| need.packages[column])
        .copied()
        .collect();
    if packages.is_empty() {
        return Err(format!(
            "please install {names}: {} has no package for it",
            manager.program
        ));
    }
    let by_hand = format!(
        "{} {} {}",
        manager.program,
        manager.install.join(" "),
        packages.join(" ")
    );
    let Some(prefix) = privilege(manager) else {
        return Err(format!(
            "{names} cannot be installed without root or a password; please run as root: {by_hand}"
        ));
    };
    println!("xtask: installing by `{by_hand}`");
    if let Some(refresh) = manager.refresh {
        // An index that is a little old often still serves; whether it did shows below.
        if let Err(why) = call(prefix, manager, refresh, &[]) {
            println!("xtask: the package index was not refreshed: {why}");
        }
    }
    call(prefix, manager, manager.install, &packages)?;
    match needs.iter().find(|need| !need.is_there()) {
        Some(need) => Err(format!(
            "{} is still missing after `{by_hand}`",
            need.program
        )),
        None => Ok(()),
    }
}

impl Need {
    fn is_there(&self) -> bool {
        let Some(program) = find(self.program) else {
            return false;
        };
        if self.proof.is_empty() {
            return true;
        }
        let proof = Command::new(program)
            .args(self.proof)
            .stdin(Stdio::null())
            .output();
        proof.is_ok_and(|output| output.status.success())
    }
}

/// The executable that a bare name runs, if any.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    place::program(program)
}

/// The words to put before a manager's command so that it may install; `None` where it may not.
fn privilege(manager: &Manager) -> Option<&'static [&'static str]> {
    if !manager.as_root {
        return Some(&[]);
    }
    let id = Command::new("id").arg("-u").output().ok()?;
    if id.stdout.trim_ascii() == b"0" {
        return Some(&[]);
    }
    let without_password = Command::new("sudo")
        .args(["-n", "true"])
        .stdin(Stdio::null())
        .output()
        .is_ok_and(|output| output.status.success());
    without_password.then_some(&["sudo", "-n"])
}

/// Runs the manager.
fn call(
    prefix: &[&str],
    manager: &Manager,
    verb: &[&str],
    packages: &[&str],
) -> Result<(), String> {
    // `env` sets the variable behind sudo too, which would drop it otherwise.
    let line: Vec<&str> = prefix
        .iter()
        .chain(&["env", "DEBIAN_FRONTEND=noninteractive", manager.program])
        .chain(verb)
        .chain(packages)
        .copied()
        .collect();
    let shown = line.join(" ");
    let status = Command::new(line[0])
        .args(&line[1..])
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("could not run `{shown}`: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{shown}` failed ({status})"))
    }
}

/// `a`, `a and b`, `a, b and c`.
fn join<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, before)) => format!("{} and {last}", before.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_on_the_search_path_only() {
        assert!(find("sh").is_some());
        assert!(find("no-such-program-anywhere").is_none());
        assert!(find("").is_none(), "a directory is not a program");
    }

    #[test]
    fn names_are_joined_as_a_person_would() {
        assert_eq!(join(["git"].into_iter()), "git");
        assert_eq!(join(["git", "cc"].into_iter()), "git and cc");
        assert_eq!(join(["a", "b", "c"].into_iter()), "a, b and c");
    }
}
