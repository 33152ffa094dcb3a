//! The builds that were begun in a release's work tree, written down beside it: whoever builds the release next goes on with
//! them, and nothing is built twice.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use towpath_core::names::ServiceName;

/// What is written down for one work tree.
pub(super) struct Begun {
    path: PathBuf,
    lines: Vec<(ServiceName, String)>,
}

impl Begun {
    /// What was begun in a work tree; nothing where there is no tree any more.
    pub(super) fn read(tree: &Path) -> io::Result<Begun> {
        let path = Begun::beside(tree);
        let text = match fs::read_to_string(&path) {
            Ok(text) if tree.exists() => text,
            Ok(_) => String::new(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let lines = text.lines().filter_map(|line| {
            let (service, job) = line.split_once(' ')?;
            Some((service.parse().ok()?, job.to_owned()))
        });
        Ok(Begun {
            path,
            lines: lines.collect(),
        })
    }

    /// The job that builds a service.
    pub(super) fn job(&self, service: &ServiceName) -> Option<&str> {
        let mut latest_first = self.lines.iter().rev();
        latest_first
            .find(|(name, _)| name == service)
            .map(|(_, job)| job.as_str())
    }

    /// Every job.
    pub(super) fn jobs(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(|(_, job)| job.as_str())
    }

    /// Writes down that a job is about to be started.
    pub(super) fn note(&mut self, service: &ServiceName, job: &str) -> io::Result<()> {
        self.lines.push((service.clone(), job.to_owned()));
        self.write()
    }

    /// Forgets all of it, before the tree is made anew.
    pub(super) fn forget(&mut self) -> io::Result<()> {
        self.lines.clear();
        self.write()
    }

    fn write(&self) -> io::Result<()> {
        let fresh = self.path.with_extension("begun-new");
        let mut file = File::create(&fresh)?;
        for (service, job) in &self.lines {
            writeln!(file, "{service} {job}")?;
        }
        file.sync_all()?;
        fs::rename(fresh, &self.path)
    }

    /// The file beside a tree.
    pub(super) fn beside(tree: &Path) -> PathBuf {
        tree.with_extension("begun")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_begun_is_found_again_while_its_tree_is_there() {
        let place = tempfile::tempdir().unwrap();
        let tree = place.path().join("v1");
        fs::create_dir(&tree).unwrap();
        let web: ServiceName = "web".parse().unwrap();
        let mut begun = Begun::read(&tree).unwrap();
        assert_eq!(begun.job(&web), None);
        begun.note(&web, "v1.build.1.web").unwrap();
        begun.note(&web, "v1.build.2.web").unwrap();
        assert_eq!(
            Begun::read(&tree).unwrap().job(&web),
            Some("v1.build.2.web")
        );
        fs::remove_dir(&tree).unwrap();
        assert_eq!(Begun::read(&tree).unwrap().jobs().count(), 0);
        fs::create_dir(&tree).unwrap();
        begun.forget().unwrap();
        assert_eq!(Begun::read(&tree).unwrap().jobs().count(), 0);
    }
}
