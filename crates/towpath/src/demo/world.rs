//! The place where the demo happens: a directory with a bare repository, a clone and the data, and the cache of builds
//! that outlives it.
//!
//! Under the user's cache directory, `running/` holds a marker for every demo: its file is locked for as long as the demo
//! lives, and says where its directory is. Who finds one that is not locked cleans up after a demo that was killed. `gate`
//! is locked by whoever comes in, so that nobody finds a marker half made, or takes a cache that a dead demo's build still
//! uses.

use std::{
    ffi::OsStr,
    fs::{self, DirBuilder, File},
    io::{self, Read, Write},
    net::SocketAddr,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::{DirBuilderExt, symlink},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use nix::fcntl::{Flock, FlockArg};

use super::{DemoError, Tell, Told, people::People, remains, told::Description};
use crate::home::{Home, lock_file};

/// What the names of temporary directories begin with; nothing else is ever removed.
const PREFIX: &str = "towpath-demo-";

/// The longest path that a socket may have (`sun_path` of unix(7)), less what lies below the directory.
const LONGEST_ROOT: usize = 107 - "/data/server.sock".len();

/// How long files that are still being written may keep a directory from being removed.
const PATIENCE: Duration = Duration::from_secs(10);

/// The demo's place.
pub(super) struct World {
    root: PathBuf,
    keep: bool,
    home: Home,
    cache: PathBuf,
    is_first: bool,
    marker: PathBuf,
    _alive: Flock<File>,
    _cache: Option<Flock<File>>,
}

fn failed(what: impl std::fmt::Display) -> impl FnOnce(io::Error) -> DemoError {
    let what = what.to_string();
    move |error| {
        DemoError::new(
            "demo::place",
            format!("could not {what}: {error}"),
            "see that your temporary directory and your cache directory can be written to (TMPDIR and XDG_CACHE_HOME \
             name others), and that their disks are not full",
        )
    }
}

impl World {
    /// Makes a place, after cleaning up behind demos that were killed. `keep` names the directory, and has its files kept.
    pub(super) async fn enter(keep: Option<&Path>, tell: &Tell) -> Result<World, DemoError> {
        let shared = shared_directory();
        let running = shared.join("running");
        fs::create_dir_all(&running).map_err(failed(format!("make {}", running.display())))?;
        let gate = gate(&shared).await?;
        clean_up_after_the_dead(&running, tell).await;

        // The marker comes first: whatever is there without one would be there for good.
        let (marker, file) = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempfile_in(&running)
            .and_then(|marker| marker.keep().map_err(|error| error.error))
            .map(|(file, path)| (path, file))
            .map_err(failed("mark the demo as running"))?;
        let root = match keep {
            Some(directory) => std::path::absolute(directory)
                .map_err(failed(format!("find {}", directory.display())))?,
            None => temporary(marker.file_name().unwrap_or_default()),
        };
        let alive =
            mark(file, &root, keep.is_some()).map_err(failed("mark the demo as running"))?;
        let made = World::furnish(&shared, root, keep.is_some(), marker.clone(), alive);
        drop(gate);
        if made.is_err() {
            let _ = fs::remove_file(&marker);
        }
        made
    }

    fn furnish(
        shared: &Path,
        root: PathBuf,
        keep: bool,
        marker: PathBuf,
        alive: Flock<File>,
    ) -> Result<World, DemoError> {
        if root.as_os_str().len() > LONGEST_ROOT {
            return Err(DemoError::new(
                "demo::place",
                format!("the path of {} is too long for a socket", root.display()),
                "name a directory with a shorter path",
            ));
        }
        if keep && fs::read_dir(&root).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(DemoError::new(
                "demo::place",
                format!("{} is not empty", root.display()),
                "name a directory that is empty or not there yet",
            ));
        }
        // A temporary one must be ours alone; nobody may have made it before us.
        DirBuilder::new()
            .recursive(keep)
            .mode(0o700)
            .create(&root)
            .map_err(failed(format!("make {}", root.display())))?;
        let furnished = || -> Result<_, DemoError> {
            let root = fs::canonicalize(&root).map_err(failed("find the directory"))?;
            let home = Home::open(&root.join("data"))
                .map_err(|error| DemoError::new("home::unusable", &error, error.help()))?;
            let (cache, lock) = share_cache(shared, &home).map_err(failed("use the cache"))?;
            Ok((root, home, cache, lock))
        };
        match furnished() {
            Ok((root, home, cache, lock)) => Ok(World {
                is_first: !cache.join(".builds").exists(),
                root,
                keep,
                home,
                cache,
                marker,
                _alive: alive,
                _cache: lock,
            }),
            Err(error) => {
                if !keep {
                    let _ = fs::remove_dir_all(&root);
                }
                Err(error)
            }
        }
    }

    /// The data directory.
    pub(super) fn home(&self) -> &Home {
        &self.home
    }

    /// The repository that everybody pushes to.
    pub(super) fn repository(&self) -> PathBuf {
        self.root.join("guestbook.git")
    }

    /// The clone in which people work.
    pub(super) fn clone_directory(&self) -> PathBuf {
        self.root.join("guestbook")
    }

    /// Those who work there.
    pub(super) fn people(&self) -> People {
        People::new(self.repository(), self.clone_directory())
    }

    /// The place in words.
    pub(super) fn description(&self, page: SocketAddr) -> Description {
        Description {
            root: self.root.clone(),
            repository: self.repository(),
            clone: self.clone_directory(),
            data: self.home.root().to_owned(),
            cache: self.cache.clone(),
            page: format!("http://{page}"),
            is_first: self.is_first,
        }
    }

    /// Ends everything that runs here, sees that it is gone, and removes the directory unless it is to be kept.
    pub(super) async fn leave(&self) -> Result<(), DemoError> {
        remains::end(&self.home).await?;
        if !self.keep {
            remove(&self.root).await?;
        }
        let _ = fs::remove_file(&self.marker);
        Ok(())
    }
}

/// Where what outlives a demo lies.
fn shared_directory() -> PathBuf {
    let said = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let base = said("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| said("HOME").map(|home| PathBuf::from(home).join(".cache")));
    base.unwrap_or_else(std::env::temp_dir).join("towpath/demo")
}

/// A temporary directory's path, short enough for the sockets in it.
fn temporary(name: &OsStr) -> PathBuf {
    let usual = std::env::temp_dir().join(name);
    if usual.as_os_str().len() > LONGEST_ROOT {
        return Path::new("/tmp").join(name);
    }
    std::path::absolute(&usual).unwrap_or(usual)
}

async fn gate(shared: &Path) -> Result<Flock<File>, DemoError> {
    let path = shared.join("gate");
    let locked = tokio::task::spawn_blocking(move || {
        let file = lock_file(&path)?;
        Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| io::Error::from(errno))
    });
    locked
        .await
        .map_err(DemoError::ours)?
        .map_err(failed("wait for other demos to come in"))
}

fn mark(mut file: File, root: &Path, keep: bool) -> io::Result<Flock<File>> {
    file.write_all(if keep { b"keep\n" } else { b"remove\n" })?;
    file.write_all(root.as_os_str().as_bytes())?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| io::Error::from(errno))
}

/// Points the data directory's cache to the one that demos share, or leaves it to itself when another demo has that.
fn share_cache(shared: &Path, home: &Home) -> io::Result<(PathBuf, Option<Flock<File>>)> {
    let file = lock_file(&shared.join("cache.lock"))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => {
            let cache = shared.join("cache");
            fs::create_dir_all(&cache)?;
            symlink(&cache, home.cache())?;
            Ok((cache, Some(lock)))
        }
        Err((_, nix::errno::Errno::EWOULDBLOCK)) => Ok((home.cache(), None)),
        Err((_, errno)) => Err(errno.into()),
    }
}

/// A demo that was killed leaves processes and a directory; its marker says where.
async fn clean_up_after_the_dead(running: &Path, tell: &Tell) {
    for entry in fs::read_dir(running).into_iter().flatten().flatten() {
        let marker = entry.path();
        let Some((root, keep, _dead)) = read_marker(&marker) else {
            continue;
        };
        match clean_up_after(&root, keep).await {
            Ok(true) => tell.say(Told::Aside(format!(
                "cleaned up after a demo that was killed, in {}",
                root.display()
            ))),
            Ok(false) => {}
            // The next demo tries again.
            Err(error) => {
                tell.say(Told::Aside(format!(
                    "could not clean up after a demo that was killed, in {}: {error}",
                    root.display()
                )));
                continue;
            }
        }
        let _ = fs::remove_file(&marker);
    }
}

/// Where a demo was whose marker nobody holds; holds it from now on.
fn read_marker(marker: &Path) -> Option<(PathBuf, bool, Flock<File>)> {
    let mut file = Flock::lock(File::open(marker).ok()?, FlockArg::LockExclusiveNonblock).ok()?;
    let mut text = Vec::new();
    file.read_to_end(&mut text).ok()?;
    let end = text.iter().position(|byte| *byte == b'\n');
    let (keep, root) = match end {
        Some(end) => (&text[..end] != b"remove", text[end + 1..].to_vec()),
        // It was killed before it had made anything.
        None => (true, Vec::new()),
    };
    let root = PathBuf::from(std::ffi::OsString::from_vec(root));
    Some((root, keep, file))
}

/// Ends what a dead demo has left, and says whether there was anything.
async fn clean_up_after(root: &Path, keep: bool) -> Result<bool, DemoError> {
    // Never opened, for that would make it.
    if !root.join("data").is_dir() {
        return Ok(false);
    }
    let home = Home::open(&root.join("data")).map_err(DemoError::ours)?;
    remains::end(&home).await?;
    // Only what a demo has made: nothing else goes by such a name.
    let is_ours = root
        .file_name()
        .is_some_and(|name| name.as_bytes().starts_with(PREFIX.as_bytes()));
    if !keep && is_ours {
        remove(root).await?;
    }
    Ok(true)
}

/// Removes a directory, although a thread may still be writing the last file into it.
async fn remove(root: &Path) -> Result<(), DemoError> {
    let began = tokio::time::Instant::now();
    loop {
        let root = root.to_owned();
        let removed = tokio::task::spawn_blocking(move || fs::remove_dir_all(root)).await;
        match removed.map_err(DemoError::ours)? {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("remove the demo's directory")(error));
            }
            _ => return Ok(()),
        }
        if began.elapsed() > PATIENCE {
            return Err(failed("remove the demo's directory")(
                io::ErrorKind::DirectoryNotEmpty.into(),
            ));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_tells_where_a_dead_demo_was_and_a_living_one_nothing() {
        let running = tempfile::tempdir().unwrap();
        let path = running.path().join("marker");
        let alive = mark(File::create(&path).unwrap(), Path::new("/tmp/x\ny"), false).unwrap();
        assert!(read_marker(&path).is_none());
        drop(alive);
        let (root, keep, dead) = read_marker(&path).unwrap();
        assert_eq!((root.as_path(), keep), (Path::new("/tmp/x\ny"), false));
        assert!(read_marker(&path).is_none(), "somebody cleans up already");
        drop(dead);
        fs::write(&path, "").unwrap();
        let (_, keep, _) = read_marker(&path).unwrap();
        assert!(keep, "killed before it had made anything");
    }

    #[test]
    fn sockets_fit_into_temporary_directories() {
        let name = OsStr::new("towpath-demo-abcdef");
        assert!(temporary(name).as_os_str().len() <= LONGEST_ROOT);
    }

    #[tokio::test]
    async fn what_no_demo_has_made_is_never_removed() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("somebody-elses");
        fs::create_dir_all(root.join("data")).unwrap();
        assert!(clean_up_after(&root, false).await.unwrap());
        assert!(root.exists());
        let ours = place.path().join("towpath-demo-x");
        fs::rename(&root, &ours).unwrap();
        assert!(clean_up_after(&ours, true).await.unwrap());
        assert!(ours.exists(), "to be kept");
        assert!(clean_up_after(&ours, false).await.unwrap());
        assert!(!ours.exists());
        assert!(!clean_up_after(&ours, false).await.unwrap(), "gone already");
    }
}
