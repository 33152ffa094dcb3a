//! Files of SOPS, against who else reads and writes them: `rops` (crates.io), `sops-age` (npm), and what SOPS itself
//! wrote.

mod environment;
mod rops;
mod sops_age;
mod vectors;

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use secrecy::{ExposeSecret, SecretString};
use towpath_secrets::sops::{Document, Format, Identities, Recipient, Sealed, Value, keygen};

use crate::place::{self, Packages};

/// Who a file is for.
struct Person {
    secret: SecretString,
    identities: Identities,
    recipient: Recipient,
}

fn person() -> Person {
    let (secret, recipient) = keygen();
    let identities = Identities::from_text(secret.expose_secret()).unwrap();
    Person {
        secret,
        identities,
        recipient,
    }
}

fn now() -> jiff::Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn text(value: &str) -> Value {
    Value::Text(value.into())
}

fn said(document: &Document, path: &[&str]) -> Option<String> {
    let text = document.get(path)?.text()?;
    Some(text.expose_secret().to_owned())
}

fn open(bytes: &[u8], format: Format, identities: &Identities) -> Document {
    let sealed = Sealed::parse(bytes, format).unwrap();
    sealed.open(identities).unwrap()
}

fn seal(document: &mut Document) -> String {
    String::from_utf8(document.seal(now()).unwrap()).unwrap()
}

/// Where packages are, or nothing where they cannot be had and may be missing.
fn installed(packages: &Packages) -> Option<PathBuf> {
    let directory = packages
        .directory()
        .filter(|directory| packages.is_in(directory));
    if directory.is_none() {
        let thread = thread::current();
        let test = thread.name().unwrap_or("a test");
        let name = packages.name;
        let way = "`cargo xtask test tests` installs what it can";
        assert!(
            env::var_os("CI").is_none(),
            "{test} needs the stand-ins ({name}); {way}"
        );
        eprintln!("skipped: {test} needs the stand-ins ({name}); {way}");
    }
    directory
}

/// What a command says, given a text; it must succeed.
#[track_caller]
fn told(command: &mut Command, input: &str) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let done = child.wait_with_output().unwrap();
    let complaint = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{complaint}\n{input}");
    String::from_utf8(done.stdout).unwrap()
}

/// The program `rops`, in a directory of its own.
struct Rops {
    program: PathBuf,
    directory: tempfile::TempDir,
}

impl Rops {
    fn installed() -> Option<Rops> {
        let directory = installed(&place::CRATES)?;
        Some(Rops {
            program: directory.join(place::CRATES.witness),
            directory: tempfile::tempdir().unwrap(),
        })
    }

    fn command(&self, verb: &str, format: Format) -> Command {
        let mut command = Command::new(&self.program);
        let format = match format {
            Format::Json => "json",
            _ => "yaml",
        };
        command
            .args([verb, "--format", format])
            .current_dir(self.directory.path());
        command
    }

    #[track_caller]
    fn encrypt(&self, plain: &str, format: Format, person: &Person, rule: &[&str]) -> String {
        let mut command = self.command("encrypt", format);
        command
            .args(["--age", &person.recipient.to_string()])
            .args(rule);
        told(&mut command, plain)
    }

    #[track_caller]
    fn decrypt(&self, sealed: &str, format: Format, person: &Person) -> String {
        let mut command = self.command("decrypt", format);
        command.env("ROPS_AGE", person.secret.expose_secret());
        told(&mut command, sealed).trim().to_owned()
    }

    /// Lets it edit a file with `sed`.
    #[track_caller]
    fn edit(&self, path: &Path, script: &str, person: &Person) {
        let sealed = fs::read_to_string(path).unwrap();
        let mut command = self.command("edit", Format::of_path(path));
        command
            .env("ROPS_AGE", person.secret.expose_secret())
            .env("EDITOR", format!("sed -i -e '{script}'"));
        fs::write(path, told(&mut command, &sealed)).unwrap();
    }
}
