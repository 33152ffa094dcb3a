//! Stand-ins for vendors' servers and tools that tests run, from npm, PyPI and crates.io: installed once into a cache
//! directory of the user, each version beside the others.

use std::{
    env,
    ffi::OsString,
    fs, io,
    path::Path,
    process::{self, Command, Stdio},
    time::{Duration, Instant},
};

use crate::place::{self, CRATES, NODE, PYTHON, Packages};

/// After this an installation that was never finished is taken for one that never will be.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// Makes sure that all of them are there, or says why one cannot be.
pub(crate) fn ensure() -> Result<(), String> {
    install(&NODE, |directory| {
        let manifest = include_str!("../../crates/probe/tests/stand-ins/node/package.json");
        write(directory, "package.json", manifest)?;
        write(directory, "package-lock.json", NODE.versions)?;
        let args = "ci --ignore-scripts --no-audit --no-fund --loglevel=error";
        call("npm", args, directory)
    })?;
    install(&PYTHON, |directory| {
        // It may be moved afterwards, as long as nothing but its interpreter is run by name.
        call("python3", "-m venv .", directory)?;
        write(directory, "requirements.txt", PYTHON.versions)?;
        // The list is complete: nothing has to be found out.
        let args =
            "-m pip install --quiet --disable-pip-version-check --no-deps -r requirements.txt";
        call("bin/python", args, directory)
    })?;
    install(&CRATES, |directory| build(&CRATES, directory))
}

/// Builds programs from crates.io, a line each: a name, a version, and arguments. What is built on the way is not kept.
pub(crate) fn build(packages: &Packages, directory: &Path) -> Result<(), String> {
    let target = directory.join("target");
    for line in packages.versions.lines() {
        build_one(line, directory, &target)?;
    }
    fs::remove_dir_all(&target)
        .map_err(|error| format!("could not remove {}: {error}", target.display()))
}

fn build_one(line: &str, directory: &Path, target: &Path) -> Result<(), String> {
    let mut words = line.split(' ');
    let (Some(name), Some(version)) = (words.next(), words.next()) else {
        return Err("a crate has a name and a version".into());
    };
    println!("xtask: building {name} {version}, which takes some minutes");
    let mut command = Command::new(cargo());
    command
        .args(["install", name, "--version", version, "--locked", "--quiet"])
        .args(words)
        .arg("--root")
        .arg(directory)
        .arg("--target-dir")
        .arg(target)
        .current_dir(directory);
    // What the caller builds with is not for others' code.
    for given in [
        "CARGO_TARGET_DIR",
        "CARGO_BUILD_TARGET_DIR",
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTC_WRAPPER",
    ] {
        command.env_remove(given);
    }
    run(command, &format!("cargo install {name}"))
}

/// The cargo that runs us.
pub(crate) fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Installs packages if they are not there.
pub(crate) fn install(
    packages: &Packages,
    work: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<(), String> {
    let name = packages.name;
    let directory = packages
        .directory()
        .ok_or("neither TOWPATH_CACHE nor HOME says where stand-ins may be installed")?;
    let is_good = |directory: &Path| packages.is_in(directory);
    if is_good(&directory) {
        return Ok(());
    }
    println!(
        "xtask: installing stand-ins ({name}) as {}",
        directory.display()
    );
    let begun = Instant::now();
    settle(&directory, is_good, work).map_err(|why| format!("stand-ins ({name}): {why}"))?;
    println!("xtask: installed in {:.1} s", begun.elapsed().as_secs_f64());
    Ok(())
}

/// Makes a directory by work that fills it, under another name until it is complete: two may do this at once, and it
/// may be interrupted at any time.
fn settle(
    directory: &Path,
    is_good: impl Fn(&Path) -> bool,
    work: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<(), String> {
    let told = |error: io::Error| format!("could not make {}: {error}", directory.display());
    let above = directory.parent().unwrap_or(directory);
    fs::create_dir_all(above).map_err(told)?;
    sweep(above);
    if directory.exists() {
        // It was complete once, and what it stood on is gone.
        fs::remove_dir_all(directory).map_err(told)?;
    }
    let name = directory.file_name().unwrap_or_default().display();
    let unfinished = above.join(format!(".{name}.{}", process::id()));
    // Somebody with our number may have died over it.
    let _ = fs::remove_dir_all(&unfinished);
    fs::create_dir(&unfinished).map_err(told)?;
    let done = work(&unfinished).and_then(|()| {
        let renamed = fs::rename(&unfinished, directory);
        // Another may have been faster, and done as well.
        renamed.or_else(|error| {
            if is_good(directory) {
                Ok(())
            } else {
                Err(told(error))
            }
        })
    });
    let _ = fs::remove_dir_all(&unfinished);
    match done {
        Ok(()) if is_good(directory) => Ok(()),
        Ok(()) => Err(format!("{} is not what it should be", directory.display())),
        Err(why) => Err(why),
    }
}

/// Removes what was begun long ago and never finished.
fn sweep(above: &Path) {
    let entries = fs::read_dir(above).into_iter().flatten().flatten();
    let abandoned = entries.filter(|entry| {
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let age = entry.metadata().and_then(|data| data.modified()).ok();
        let age = age.and_then(|changed| changed.elapsed().ok());
        hidden && age.is_some_and(|age| age > ABANDONED)
    });
    for entry in abandoned {
        let _ = fs::remove_dir_all(entry.path());
    }
}

pub(crate) fn write(directory: &Path, name: &str, text: &str) -> Result<(), String> {
    fs::write(directory.join(name), text)
        .map_err(|error| format!("could not write {name}: {error}"))
}

/// Runs a program in a directory, with these arguments.
pub(crate) fn call(program: &str, args: &str, directory: &Path) -> Result<(), String> {
    let here = directory.join(program);
    let found = match here.exists() {
        true => here,
        false => place::program(program).ok_or_else(|| format!("{program} is missing"))?,
    };
    let mut command = Command::new(found);
    command.args(args.split(' ')).current_dir(directory);
    run(command, &format!("{program} {args}"))
}

/// Runs a command to its end without what it prints.
pub(crate) fn quietly(mut command: Command, shown: &str) -> Result<(), String> {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    run(command, shown)
}

/// Runs a command to its end, which must be a good one.
pub(crate) fn run(mut command: Command, shown: &str) -> Result<(), String> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("could not run `{shown}`: {error}"))?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("`{shown}` failed ({status})")),
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, path::PathBuf};

    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let scratch = env::temp_dir().join(format!("xtask-stand-ins-{}-{name}", process::id()));
        fs::create_dir_all(&scratch).unwrap();
        scratch
    }

    fn is_good(directory: &Path) -> bool {
        directory.join("good").exists()
    }

    fn good(directory: &Path) -> Result<(), String> {
        write(directory, "good", "")
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_fails_leaves_nothing_and_what_is_broken_is_made_anew() {
        let scratch = scratch("broken");
        let directory = scratch.join("node-1");
        assert!(settle(&directory, is_good, |_| Err("no".into())).is_err());
        assert!(settle(&directory, is_good, |_| Ok(())).is_err());
        assert_eq!(names(&scratch), ["node-1"], "complete, but not good");
        settle(&directory, is_good, good).unwrap();
        assert_eq!(names(&scratch), ["node-1"]);
        assert!(is_good(&directory));
        fs::remove_dir_all(scratch).unwrap();
    }

    #[test]
    fn whoever_comes_second_takes_the_firsts() {
        let scratch = scratch("second");
        let directory = scratch.join("node-1");
        let both = Cell::new(false);
        settle(&directory, is_good, |mine| {
            // Meanwhile somebody else does the same.
            fs::create_dir(&directory).unwrap();
            good(&directory)?;
            both.set(true);
            good(mine)
        })
        .unwrap();
        assert!(both.get());
        assert_eq!(names(&scratch), ["node-1"]);
        fs::remove_dir_all(scratch).unwrap();
    }

    #[test]
    fn what_is_under_way_is_left_alone() {
        let scratch = scratch("under-way");
        fs::create_dir(scratch.join(".node-1.4242")).unwrap();
        settle(&scratch.join("node-1"), is_good, good).unwrap();
        assert_eq!(names(&scratch), [".node-1.4242", "node-1"]);
        fs::remove_dir_all(scratch).unwrap();
    }
}
