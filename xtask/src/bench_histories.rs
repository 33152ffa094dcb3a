//! `cargo xtask bench histories`: migration histories of published projects, applied by their own tools and by Towpath;
//! the schemas must be equal. What is fetched and built is here, what is done with it in an example of `towpath-migrate`.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    histories::{HISTORIES, MIGRATORS},
    needs,
    stand_ins::{self, call, run as run_command},
};

/// Runs the comparison: `[--rounds N]`.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    needs::ensure(needs::SERVERS)?;
    needs::ensure(needs::MIGRATORS)?;
    stand_ins::install(&MIGRATORS, |directory| {
        stand_ins::build(&MIGRATORS, directory)
    })?;
    stand_ins::install(&HISTORIES, fetch)?;
    let mut command = Command::new(stand_ins::cargo());
    command
        .args(["run", "--quiet", "--release", "--package"])
        .args(["towpath-migrate", "--example", "histories", "--"])
        .args(args);
    run_command(command, "the comparison of histories")
}

/// Fetches every package, and holds it against its digest.
fn fetch(directory: &Path) -> Result<(), String> {
    for line in HISTORIES.versions.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [name, version, digest] = words.as_slice() else {
            return Err("a package has a name, a version and a digest".into());
        };
        match *name {
            "pgserver" => wheel(directory, name, version, digest)?,
            _ => package(directory, name, version, digest)?,
        }
    }
    Ok(())
}

/// A package from crates.io, by cargo: it fetches what it is to tell about.
fn package(directory: &Path, name: &str, version: &str, digest: &str) -> Result<(), String> {
    let mut info = Command::new(stand_ins::cargo());
    info.args(["info", "--quiet", &format!("{name}@{version}")])
        .current_dir(directory);
    stand_ins::quietly(info, &format!("cargo info {name}@{version}"))?;
    let fetched = fetched(&format!("{name}-{version}.crate"))?;
    stand_ins::write(
        directory,
        "sums",
        &format!("{digest}  {}\n", fetched.display()),
    )?;
    call("sha256sum", "--check --quiet sums", directory)?;
    let mut unpack = Command::new("tar");
    unpack.arg("-xzf").arg(&fetched).current_dir(directory);
    run_command(unpack, &format!("tar -xzf {}", fetched.display()))
}

/// Where cargo keeps a package.
fn fetched(file: &str) -> Result<PathBuf, String> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    let cache = home.ok_or("neither CARGO_HOME nor HOME says where cargo keeps packages")?;
    let registries = fs::read_dir(cache.join("registry/cache"))
        .map_err(|error| format!("could not look for what cargo fetched: {error}"))?;
    registries
        .flatten()
        .map(|registry| registry.path().join(file))
        .find(|path| path.is_file())
        .ok_or_else(|| format!("cargo did not fetch {file}"))
}

/// A PostgreSQL from PyPI, of which only the files are wanted, whatever Python there is.
fn wheel(directory: &Path, name: &str, version: &str, digest: &str) -> Result<(), String> {
    let wanted = format!("{name}=={version} --hash=sha256:{digest}\n");
    stand_ins::write(directory, "wanted.txt", &wanted)?;
    let args = "-m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.11 \
                --platform manylinux2014_x86_64 -r wanted.txt -d wheel";
    // Not everybody's Python brings pip, but a new environment has it.
    call("python3", "-m venv environment", directory)?;
    call("environment/bin/python", args, directory)?;
    let wheels = fs::read_dir(directory.join("wheel"))
        .map_err(|error| format!("could not look for the wheel: {error}"))?;
    for wheel in wheels.flatten() {
        let mut unpack = Command::new("python3");
        unpack
            .args(["-m", "zipfile", "-e"])
            .arg(wheel.path())
            .arg(directory);
        run_command(unpack, "python3 -m zipfile")?;
    }
    // The archive's permissions are not kept.
    call("chmod", "-R a+x pgserver/pginstall/bin", directory)
}
