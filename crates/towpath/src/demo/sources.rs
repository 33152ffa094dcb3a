//! The guestbook's sources, as they are in `examples/`, within the binary: the demo needs no checkout.

use std::{fs, io, os::unix::fs::PermissionsExt, path::Path};

use rust_embed::Embed;
use towpath_core::manifest::{self, Manifest};

use super::DemoError;

/// The application, and what its later releases change.
#[derive(Embed)]
#[folder = "../../examples/guestbook"]
#[exclude = "target/*"]
struct Guestbook;

/// Where the changes lie.
const CHANGES: &str = "changes/";

/// The manifest of the first release.
pub(super) fn manifest() -> Result<Manifest, DemoError> {
    let file = Guestbook::get("towpath.toml")
        .ok_or_else(|| DemoError::ours("the guestbook has no manifest"))?;
    manifest::parse(&String::from_utf8_lossy(&file.data), "towpath.toml")
        .map(|parsed| parsed.manifest)
        .map_err(DemoError::ours)
}

/// Writes the first release's files.
pub(super) fn write_first(to: &Path) -> io::Result<()> {
    write(to, "", |name| !name.starts_with(CHANGES))
}

/// Lays a change over what is there, and returns the message of its commit.
pub(super) fn write_change(to: &Path, change: &str) -> io::Result<String> {
    let prefix = format!("{CHANGES}{change}/files/");
    write(to, &prefix, |name| name.starts_with(&prefix))?;
    let message =
        Guestbook::get(&format!("{CHANGES}{change}/message")).ok_or(io::ErrorKind::NotFound)?;
    Ok(String::from_utf8_lossy(&message.data).into_owned())
}

fn write(to: &Path, prefix: &str, wanted: impl Fn(&str) -> bool) -> io::Result<()> {
    for name in Guestbook::iter().filter(|name| wanted(name)) {
        let file = Guestbook::get(&name).ok_or(io::ErrorKind::NotFound)?;
        let path = to.join(&name[prefix.len()..]);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, &file.data)?;
        // Scripts are told by their first line; the binary does not keep who may execute what.
        if file.data.starts_with(b"#!") {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_release_and_its_changes_can_be_written() {
        let tree = tempfile::tempdir().unwrap();
        write_first(tree.path()).unwrap();
        assert!(tree.path().join("src/main.rs").exists());
        assert!(!tree.path().join("changes").exists());
        assert!(!tree.path().join("target").exists());
        for change in ["v2-mood", "v3-bad"] {
            assert!(!write_change(tree.path(), change).unwrap().is_empty());
        }
        assert!(tree.path().join("migrations/0002_mood.sql").exists());
        assert!(manifest().is_ok());
    }
}
