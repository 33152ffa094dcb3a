//! A project to work on: a repository that everybody pushes to, a clone of it, a data directory, and a service that writes
//! down what it does. Nothing of it outlives its test.

mod command;
mod database;
mod effects;
mod manifest;
mod processes;
mod service;
mod users;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use towpath::engine::{DeploymentView, EnvironmentView, StatusView};

pub use self::{
    command::{Ask, Ran, Running},
    effects::Effects,
    processes::Process,
    users::{Users, get},
};

/// Longer than anything takes on a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something that sends no event has come about.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A project in a directory of its own.
pub struct Project {
    root: PathBuf,
    _temporary: TempDir,
}

impl Project {
    /// A project whose first commit is on `develop`, pushed; nothing is on `main` yet.
    pub fn new() -> Project {
        let temporary = tempfile::Builder::new()
            .prefix("towpath-test-")
            .tempdir()
            .unwrap();
        // As processes see it.
        let root = temporary.path().canonicalize().unwrap();
        let project = Project {
            root,
            _temporary: temporary,
        };
        fs::create_dir(project.path("home")).unwrap();
        project.git_in(
            &project.root,
            "init --quiet --bare --initial-branch=main upstream.git",
        );
        project.git_in(&project.root, "init --quiet --initial-branch=develop clone");
        project.git("config user.email dana@acme.test");
        project.git("config user.name Dana");
        project.git(&format!(
            "remote add origin {}",
            project.upstream().display()
        ));
        project.write_first_release();
        project.commit("1: the ferry");
        project
    }

    /// A path in the project's own directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The work tree.
    pub fn clone(&self) -> PathBuf {
        self.path("clone")
    }

    /// The repository that everybody pushes to.
    pub fn upstream(&self) -> PathBuf {
        self.path("upstream.git")
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// What was done in the world so far.
    pub fn effects(&self) -> Effects {
        Effects::read(&self.path("effects"))
    }

    /// Writes a file of the work tree.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.clone().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Changes a text of the work tree where it says `old`.
    pub fn change(&self, name: &str, old: &str, new: &str) {
        let path = self.clone().join(name);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{name} does not say {old:?}");
        fs::write(path, text.replace(old, new)).unwrap();
    }

    /// Commits everything in the work tree and pushes the branch that is checked out.
    pub fn commit(&self, message: &str) -> String {
        self.git("add --all");
        self.git_with(["commit", "--quiet", "--message", message]);
        self.git("push --quiet origin HEAD");
        self.git("rev-parse HEAD")
    }

    /// Runs git in the work tree.
    pub fn git(&self, line: &str) -> String {
        self.git_in(&self.clone(), line)
    }

    fn git_in(&self, directory: &Path, line: &str) -> String {
        let arguments = line.split(' ');
        self.run_git(directory, arguments)
    }

    fn git_with<const N: usize>(&self, arguments: [&str; N]) -> String {
        self.run_git(&self.clone(), arguments.into_iter())
    }

    fn run_git<'a>(&self, directory: &Path, arguments: impl Iterator<Item = &'a str>) -> String {
        let output = Command::new("git")
            .current_dir(directory)
            .args(arguments)
            .env("HOME", self.path("home"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git: {said}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// The commit of a branch where everybody pushes to; `None` when there is no such branch.
    pub fn tip(&self, branch: &str) -> Option<String> {
        let listed = self.git_in(
            &self.upstream(),
            &format!("for-each-ref --format=%(objectname) refs/heads/{branch}"),
        );
        Some(listed).filter(|commit| !commit.is_empty())
    }

    /// A command to be asked of the binary.
    pub fn ask(&self, line: &str) -> Ask<'_> {
        Ask::new(self, line)
    }

    /// Runs a command line of the binary, and expects this exit status.
    pub fn towpath(&self, line: &str, code: i32) -> Ran {
        self.ask(line).ends(code)
    }

    /// Where everything is.
    pub fn status(&self) -> StatusView {
        self.ask("status --json").ends(0).json()
    }

    /// Where an environment is.
    pub fn environment(&self, name: &str) -> EnvironmentView {
        let found = self.status().environments.into_iter();
        let mut found = found.filter(|environment| environment.name.as_str() == name);
        found.next().unwrap()
    }

    /// Every deployment that was, newest first.
    pub fn history(&self) -> Vec<DeploymentView> {
        self.try_history().unwrap()
    }

    /// The same, where nobody may answer.
    pub fn try_history(&self) -> Option<Vec<DeploymentView>> {
        #[derive(serde::Deserialize)]
        struct History {
            deployments: Vec<DeploymentView>,
        }
        let ran = self.ask("history --json --limit 1000").run();
        let history = || ran.json::<History>().deployments;
        ran.status.success().then(history)
    }

    /// How many records the journal has.
    pub fn records(&self) -> usize {
        match self.data().exists() {
            true => {
                let ran = self.towpath("journal show --json --limit 100000", 0);
                ran.stdout.lines().count()
            }
            false => 0,
        }
    }

    /// The last that the proxy was told of each environment.
    pub fn fences(&self) -> BTreeMap<String, u64> {
        let Ok(text) = fs::read(self.data().join("target/proxy/routes.json")) else {
            return BTreeMap::new();
        };
        let routes: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let environments = routes["environments"].as_object().unwrap().iter();
        environments
            .map(|(name, environment)| (name.clone(), environment["fence"].as_u64().unwrap()))
            .collect()
    }

    /// Where users reach an environment's service.
    pub fn address(&self, environment: &str) -> String {
        let live = self.environment(environment).live.unwrap();
        let url = live.addresses.into_values().next().unwrap();
        url.strip_prefix("http://").unwrap().to_owned()
    }

    /// The processes that belong to this project, whoever their parent is.
    pub fn processes(&self) -> Vec<Process> {
        processes::of(&self.root)
    }

    /// Ends all of them at once, as a machine does that loses power.
    pub fn end_all(&self) {
        let left = processes::end(&self.root);
        assert!(left.is_empty(), "they would not go: {left:?}");
    }
}

impl Drop for Project {
    /// Ends every process of the project, also of a test that failed.
    fn drop(&mut self) {
        let left = processes::end(&self.root);
        if !thread::panicking() {
            assert!(left.is_empty(), "they would not go: {left:?}");
        }
    }
}
