//! The output of instances that are gone, for people: the latest of them, and no more.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::shim::make_directory;

/// How many old outputs are kept.
const KEPT: usize = 20;

/// Where the output of an instance that is gone is kept.
pub(super) fn path(old: &Path, key: &str) -> PathBuf {
    old.join(format!("{key}.log"))
}

/// Keeps an output and forgets the oldest beyond the bound.
pub(super) fn keep(old: &Path, key: &str, output: &Path) -> io::Result<()> {
    make_directory(old)?;
    match fs::rename(output, path(old, key)) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        moved => moved?,
    }
    let mut kept: Vec<(SystemTime, PathBuf)> = fs::read_dir(old)?
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.metadata().ok()?.modified().ok()?, entry.path()))
        })
        .collect();
    kept.sort();
    let surplus = kept.len().saturating_sub(KEPT);
    for (_, oldest) in &kept[..surplus] {
        fs::remove_file(oldest)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let old = directory.path().join("old");
        let output = directory.path().join("output.log");
        keep(&old, "silent", &output).unwrap();
        for number in 0..KEPT as u64 + 3 {
            fs::write(&output, "text").unwrap();
            let written = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(number);
            fs::File::open(&output)
                .unwrap()
                .set_modified(written)
                .unwrap();
            keep(&old, &format!("k{number}"), &output).unwrap();
        }
        assert_eq!(fs::read_dir(&old).unwrap().count(), KEPT);
        assert!(!path(&old, "k2").exists());
        assert!(path(&old, "k3").exists());
    }
}
