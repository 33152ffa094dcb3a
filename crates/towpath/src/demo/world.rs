//! The demo's world: a directory with a bare repository, a working clone and the data; and its end.

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use nix::{
    fcntl::{Flock, FlockArg},
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{DemoError, sources, told::Told};
use crate::home::{Home, lock_file};

/// How long processes may take to end by themselves.
const GRACE: Duration = Duration::from_secs(15);

/// The demo's world.
pub(super) struct World {
    root: PathBuf,
    marker: PathBuf,
    home: Home,
    _alive: Flock<File>,
    _cache: Option<Flock<File>>,
}

/// Checks what the demo runs beside itself.
pub(super) fn needs_programs() -> Result<(), DemoError> {
    for (program, help) in [
        ("git", "install git with your system's package manager"),
        (
            "cargo",
            "install Rust from https://rustup.rs: the demo builds a small Rust application",
        ),
        (
            "cc",
            "install a C compiler with your system's package manager: the application brings SQLite along",
        ),
    ] {
        let found = Command::new(program)
            .arg("--version")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if found.is_err() {
            return Err(DemoError::new(format!("{program} is not installed"), help));
        }
    }
    Ok(())
}

fn failed(what: &str) -> impl Fn(std::io::Error) -> DemoError + '_ {
    move |error| {
        DemoError::new(
            format!("could not {what}: {error}"),
            "check that the temporary and cache directories are yours to write in, and not full",
        )
    }
}

impl World {
    pub(super) async fn make(told: &Told) -> Result<World, DemoError> {
        let kept = kept_directory();
        fs::create_dir_all(kept.join("running")).map_err(failed("make the cache directory"))?;
        clean_up_after_the_dead(&kept, told).await;

        let root = tempfile::Builder::new()
            .prefix("towpath-demo-")
            .tempdir()
            .map_err(failed("make a directory"))?
            .keep();
        let root = fs::canonicalize(&root).map_err(failed("find the directory"))?;
        let marker = kept
            .join("running")
            .join(root.file_name().unwrap_or_default());
        let mut file = lock_file(&marker).map_err(failed("mark the demo as running"))?;
        file.write_all(root.as_os_str().as_encoded_bytes())
            .map_err(failed("mark the demo as running"))?;
        let alive = Flock::lock(file, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, errno)| failed("mark the demo as running")(errno.into()))?;

        let home =
            Home::open(&root.join("data")).map_err(|error| DemoError::new(&error, error.help()))?;
        let cache = share_cache(&kept, &home)?;
        let world = World {
            root,
            marker,
            home,
            _alive: alive,
            _cache: cache,
        };
        world.make_repositories()?;
        told.aside(&format!("everything is in {}", world.root.display()));
        Ok(world)
    }

    fn make_repositories(&self) -> Result<(), DemoError> {
        let (upstream, work) = (self.upstream(), self.work_tree());
        for directory in [&upstream, &work] {
            fs::create_dir_all(directory).map_err(failed("make a directory"))?;
        }
        git_in(
            &upstream,
            &["init", "--quiet", "--bare", "--initial-branch=main"],
        )?;
        git_in(&work, &["init", "--quiet", "--initial-branch=main"])?;
        git_in(
            &work,
            &["remote", "add", "origin", &upstream.display().to_string()],
        )?;
        fs::write(work.join("README.md"), "# The guestbook\n").map_err(failed("write a file"))?;
        self.commit("dana", "Begin")?;
        git_in(&work, &["branch", "develop"])?;
        git_in(&work, &["push", "--quiet", "origin", "main", "develop"])?;
        git_in(
            &work,
            &["checkout", "--quiet", "-b", "feature/guestbook", "develop"],
        )?;
        sources::write_first(&work).map_err(failed("write the guestbook"))?;
        Ok(())
    }

    /// Commits everything as somebody.
    pub(super) fn commit(&self, who: &str, message: &str) -> Result<(), DemoError> {
        let work = self.work_tree();
        git_in(&work, &["add", "--all"])?;
        let (name, email) = (
            format!("user.name={who}"),
            format!("user.email={who}@acme.test"),
        );
        git_in(
            &work,
            &[
                "-c",
                &name,
                "-c",
                &email,
                "commit",
                "--quiet",
                "--message",
                message,
            ],
        )
    }

    /// Runs git in the working clone.
    pub(super) fn git(&self, arguments: &[&str]) -> Result<(), DemoError> {
        git_in(&self.work_tree(), arguments)
    }

    pub(super) fn home(&self) -> Home {
        self.home.clone()
    }

    pub(super) fn upstream(&self) -> PathBuf {
        self.root.join("guestbook.git")
    }

    pub(super) fn work_tree(&self) -> PathBuf {
        self.root.join("work")
    }

    /// How the command line is used on this world.
    pub(super) fn command_line(&self) -> String {
        format!(
            "towpath -C {} --data {}",
            self.work_tree().display(),
            self.home.root().display()
        )
    }

    /// Ends everything that runs here, sees that it is gone, and removes the directory.
    pub(super) async fn clean_up(self) -> Result<(), DemoError> {
        end_everything(&self.root).await?;
        fs::remove_dir_all(&self.root).map_err(failed("remove the demo's directory"))?;
        let _ = fs::remove_file(&self.marker);
        Ok(())
    }
}

/// Where what survives a demo is kept: the cache of its builds.
fn kept_directory() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from);
    let base =
        base.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    base.unwrap_or_else(std::env::temp_dir).join("towpath/demo")
}

/// Lets this demo use the kept cache, unless another one does.
fn share_cache(kept: &Path, home: &Home) -> Result<Option<Flock<File>>, DemoError> {
    let file = lock_file(&kept.join("cache.lock")).map_err(failed("lock the cache"))?;
    let Ok(lock) = Flock::lock(file, FlockArg::LockExclusiveNonblock) else {
        return Ok(None);
    };
    let cache = kept.join("cache");
    fs::create_dir_all(&cache).map_err(failed("make the cache"))?;
    std::os::unix::fs::symlink(&cache, home.cache()).map_err(failed("use the cache"))?;
    Ok(Some(lock))
}

/// A demo that was killed leaves processes and a directory; its marker says where.
async fn clean_up_after_the_dead(kept: &Path, told: &Told) {
    for entry in fs::read_dir(kept.join("running"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let marker = entry.path();
        let Ok(mut file) = File::open(&marker) else {
            continue;
        };
        let mut root = String::new();
        let _ = file.read_to_string(&mut root);
        if Flock::lock(file, FlockArg::LockExclusiveNonblock).is_err() {
            continue;
        }
        let root = PathBuf::from(root);
        // Only what a demo has made: nothing else goes by such a name.
        if root
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("towpath-demo-"))
        {
            told.aside(&format!(
                "cleaning up after a demo that was killed: {}",
                root.display()
            ));
            if end_everything(&root).await.is_ok() {
                let _ = fs::remove_dir_all(&root);
            }
        }
        let _ = fs::remove_file(&marker);
    }
}

/// Ends every process that works below a directory: the shims are asked, and end what they look after.
async fn end_everything(root: &Path) -> Result<(), DemoError> {
    let began = Instant::now();
    let mut asked = std::collections::BTreeSet::new();
    loop {
        let found = processes_of(root);
        if found.is_empty() {
            return Ok(());
        }
        let late = began.elapsed() > GRACE;
        for pid in &found {
            if late || asked.insert(*pid) {
                let signal = if late {
                    Signal::SIGKILL
                } else {
                    Signal::SIGTERM
                };
                let _ = kill(Pid::from_raw(*pid), signal);
            }
        }
        if began.elapsed() > GRACE * 2 {
            let pids: Vec<String> = found.iter().map(ToString::to_string).collect();
            return Err(DemoError::new(
                format!("processes of the demo do not end: {}", pids.join(", ")),
                "end them by hand, then remove the directory",
            ));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The processes whose command line or working directory is below a directory, but for this one.
fn processes_of(root: &Path) -> Vec<i32> {
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    let root_bytes = root.as_os_str().as_encoded_bytes();
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let pid: i32 = entry.file_name().to_string_lossy().parse().ok()?;
            let command = fs::read(entry.path().join("cmdline")).ok()?;
            // A process that has ended and is not reaped yet has no command line.
            let named = command
                .windows(root_bytes.len())
                .any(|part| part == root_bytes);
            let works_there =
                fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(root));
            (pid != own && !command.is_empty() && (named || works_there)).then_some(pid)
        })
        .collect()
}

fn git_in(directory: &Path, arguments: &[&str]) -> Result<(), DemoError> {
    let output = Command::new("git")
        .arg("-C")
        .arg(directory)
        .args([
            "-c",
            "user.name=dana",
            "-c",
            "user.email=dana@acme.test",
            "-c",
            "commit.gpgsign=false",
        ])
        .args(arguments)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .stdin(Stdio::null())
        .output()
        .map_err(failed("run git"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(DemoError::new(
        format!("git {} failed: {said}", arguments.join(" ")),
        "this is a mistake of ours",
    ))
}
