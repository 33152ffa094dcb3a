//! The files of migrations in the work tree: all of them with their contents, and new ones.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use towpath_migrate::Layout;

use crate::cli::{error::CliError, exit::Exit};

/// The files that a layout looks at, by their paths from the folder, with `/` between their parts.
pub fn read(folder: &Path, layout: Layout) -> Result<Vec<(String, Vec<u8>)>, CliError> {
    let mut found = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(prefix) = folders.pop() {
        let here = folder.join(&prefix);
        let entries = fs::read_dir(&here).map_err(|error| unreadable(&here, &error))?;
        for entry in entries {
            let path = entry.map_err(|error| unreadable(&here, &error))?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            let name = format!("{prefix}{name}");
            if path.is_dir() {
                folders.push(name + "/");
            } else if layout.looks_at(&name) {
                let bytes = fs::read(&path).map_err(|error| unreadable(&path, &error))?;
                found.push((name, bytes));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Writes files that are not there yet: all of them or none.
pub fn write(folder: &Path, files: &[(String, String)]) -> Result<Vec<PathBuf>, CliError> {
    let mut written = Vec::new();
    for (name, text) in files {
        let path = folder.join(name);
        if let Err(error) = create(&path, text) {
            for path in &written {
                // What failed is told; of these two the first.
                let _ = fs::remove_file(path);
            }
            return Err(CliError::new(
                Exit::Disorder,
                "db::unwritable",
                format!("could not write {}: {error}", path.display()),
                "make its folder writable; a file that is there is never overwritten",
            ));
        }
        written.push(path);
    }
    Ok(written)
}

fn create(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = File::create_new(path)?;
    let written = file.write_all(text.as_bytes());
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}

fn unreadable(path: &Path, error: &io::Error) -> CliError {
    CliError::new(
        Exit::Refused,
        "db::unreadable",
        format!("could not read {}: {error}", path.display()),
        "make it readable for this user",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_never_overwritten_and_nothing_half_written_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| (name.to_owned(), format!("-- {name}\n"));
        write(folder.path(), &[file("1_a.sql"), file("deep/2_b.sql")]).unwrap();
        let refused = write(folder.path(), &[file("3_c.sql"), file("1_a.sql")]);
        assert!(refused.is_err());
        let names = |layout| -> Vec<String> {
            let found = read(folder.path(), layout).unwrap().into_iter();
            found.map(|(name, _)| name).collect()
        };
        assert_eq!(names(Layout::Sqlx), ["1_a.sql"]);
        assert_eq!(names(Layout::Flyway), ["1_a.sql", "deep/2_b.sql"]);
    }
}
