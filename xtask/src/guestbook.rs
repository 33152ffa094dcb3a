//! The releases of `examples/guestbook`: the example as it stands, and with one after the other of its `changes/` laid
//! over it, as the demo commits them.
//!
//! All are laid out in one work directory, each when its turn comes. Cargo takes packages of the same name for the same
//! one wherever they lie, and believes in time stamps: with a directory each they would share their dependencies, and
//! mistake one another's programs for their own.

use std::{
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
};

/// One release of the example.
pub(crate) struct Release {
    /// `guestbook`, or `guestbook` and the change's name.
    pub(crate) name: String,
    files: Files,
}

/// Files by their path within a release, and where they are now.
type Files = BTreeMap<PathBuf, PathBuf>;

/// Every release in its order.
pub(crate) fn releases(root: &Path) -> io::Result<Vec<Release>> {
    let example = root.join("examples/guestbook");
    let changes = example.join("changes");
    let mut files = Files::new();
    collect(&example, Path::new(""), &mut files)?;
    files.retain(|path, _| !path.starts_with("changes"));
    let mut releases = vec![Release {
        name: "guestbook".into(),
        files: files.clone(),
    }];
    let entries: Vec<_> = fs::read_dir(&changes)?.collect::<Result<_, _>>()?;
    let mut names: Vec<_> = entries.iter().map(fs::DirEntry::file_name).collect();
    names.sort();
    for name in names {
        let over = changes.join(&name).join("files");
        if over.is_dir() {
            collect(&over, Path::new(""), &mut files)?;
            releases.push(Release {
                name: format!("guestbook {}", name.display()),
                files: files.clone(),
            });
        }
    }
    Ok(releases)
}

/// Where the releases are built.
pub(crate) fn target(root: &Path) -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    root.join(target).join("guestbook")
}

/// Where a release's sources are when its turn has come.
pub(crate) fn work(root: &Path) -> PathBuf {
    target(root).join("work")
}

impl Release {
    /// Makes a directory hold this release and nothing else.
    pub(crate) fn lay_out(&self, directory: &Path) -> io::Result<()> {
        synchronise(&self.files, directory)
    }
}

/// Adds every file under a directory; one that is already there by the same path is replaced.
fn collect(top: &Path, within: &Path, files: &mut Files) -> io::Result<()> {
    for entry in fs::read_dir(top.join(within))? {
        let entry = entry?;
        let path = within.join(entry.file_name());
        if !entry.file_type()?.is_dir() {
            files.insert(path, entry.path());
        } else if path != Path::new("target") {
            collect(top, &path, files)?;
        }
    }
    Ok(())
}

/// Makes a directory hold these files and no others. What is already right is left alone, so that it is not built again.
fn synchronise(files: &Files, directory: &Path) -> io::Result<()> {
    let mut present = Files::new();
    if directory.is_dir() {
        collect(directory, Path::new(""), &mut present)?;
    }
    for (path, there) in &present {
        if !files.contains_key(path) {
            fs::remove_file(there)?;
        }
    }
    for (path, from) in files {
        let to = directory.join(path);
        if to.is_file() && fs::read(&to)? == fs::read(from)? {
            continue;
        }
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(from, to)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::process;

    use super::*;

    #[test]
    fn a_directory_becomes_what_it_should_be() {
        let scratch = env::temp_dir().join(format!("xtask-guestbook-{}", process::id()));
        let write = |path: &str, text: &str| {
            let path = scratch.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("base/a", "base");
        write("base/src/b", "base");
        write("base/target/c", "built");
        write("over/src/b", "over");
        write("to/src/old", "old");
        let mut files = Files::new();
        collect(&scratch.join("base"), Path::new(""), &mut files).unwrap();
        collect(&scratch.join("over"), Path::new(""), &mut files).unwrap();
        let to = scratch.join("to");
        synchronise(&files, &to).unwrap();
        let before = fs::metadata(to.join("a")).unwrap().modified().unwrap();
        synchronise(&files, &to).unwrap();
        assert_eq!(fs::read_to_string(to.join("a")).unwrap(), "base");
        assert_eq!(fs::read_to_string(to.join("src/b")).unwrap(), "over");
        assert!(!to.join("src/old").exists());
        assert!(!to.join("target").exists());
        let after = fs::metadata(to.join("a")).unwrap().modified().unwrap();
        assert_eq!(before, after);
        fs::remove_dir_all(scratch).unwrap();
    }
}
