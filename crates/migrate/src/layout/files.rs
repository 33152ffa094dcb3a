//! What every layout does with files, whatever their names mean: reading a folder, checking text, and putting ups and
//! downs together so that no version is there twice and none is only undone.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fs,
    path::Path,
};

use super::{Layout, LayoutError, LayoutProblem, dbmate, sqlx};
use crate::{Batches, Contract, Migration, MigrationSet, Version, digest};

/// What a file's name ends with when it holds SQL.
pub(super) const SQL: &str = ".sql";

/// Which of the folders below the given one belong to a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// None: only the folder's own files.
    Flat,
    /// Those directly in it that are not hidden, followed where they are links.
    Folders,
    /// All of them, however deep; links to folders are not followed.
    Tree,
}

/// Reads the files that `wanted` accepts by their names, with paths from `dir` and `/` between their parts.
pub(super) fn read(
    dir: &Path,
    depth: Depth,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<(String, Vec<u8>)>, LayoutError> {
    let mut files = Vec::new();
    let mut folders = vec![(dir.to_owned(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        let unreadable = |source| LayoutError::Folder {
            path: folder.clone(),
            source,
        };
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let path = entry.path();
            let Some(name) = path.file_name().map(|name| name.to_string_lossy()) else {
                continue;
            };
            let below = match depth {
                Depth::Flat => false,
                Depth::Folders => prefix.is_empty() && !name.starts_with('.') && path.is_dir(),
                Depth::Tree => entry.file_type().is_ok_and(|kind| kind.is_dir()),
            };
            if below {
                folders.push((path.clone(), format!("{prefix}{name}/")));
                continue;
            }
            if !wanted(&name) {
                continue;
            }
            let unreadable = |source| LayoutError::File {
                path: path.clone(),
                source,
            };
            // Follows links, as these tools do.
            let is_file = match entry.file_type().map_err(unreadable)? {
                kind if kind.is_symlink() => fs::metadata(&path).map_err(unreadable)?.is_file(),
                kind => kind.is_file(),
            };
            if is_file {
                let bytes = fs::read(&path).map_err(unreadable)?;
                files.push((format!("{prefix}{name}"), bytes));
            }
        }
    }
    Ok(files)
}

/// Files in the order of their names, so that the same files give the same error, however a folder lists them.
pub(super) fn sorted<N: AsRef<str>, B>(files: impl IntoIterator<Item = (N, B)>) -> Vec<(N, B)> {
    let mut files: Vec<_> = files.into_iter().collect();
    files.sort_by(|(left, _), (right, _)| left.as_ref().cmp(right.as_ref()));
    files
}

/// A name without a folder in it.
pub(super) fn plain(name: &str) -> Result<(), LayoutError> {
    if name.contains('/') {
        return Err(LayoutError::Path {
            name: name.to_owned(),
        });
    }
    Ok(())
}

/// A file's content, when a database would read all of it.
pub(super) fn text<'a>(file: &str, bytes: &'a [u8]) -> Result<&'a str, LayoutError> {
    let line = |offset: usize| {
        1 + bytes[..offset]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
    };
    if let Some(offset) = bytes.iter().position(|byte| *byte == 0) {
        return Err(LayoutError::Nul {
            file: file.to_owned(),
            line: line(offset),
        });
    }
    std::str::from_utf8(bytes).map_err(|problem| LayoutError::NotUtf8 {
        file: file.to_owned(),
        line: line(problem.valid_up_to()),
    })
}

/// Like [`text`], for tools that look for lines and would not find the first one after a byte order mark.
pub(super) fn text_in_lines<'a>(
    file: &str,
    bytes: &'a [u8],
    tool: Layout,
) -> Result<&'a str, LayoutError> {
    let text = text(file, bytes)?;
    if text.starts_with('\u{feff}') {
        return Err(refusal(
            file,
            Some(1),
            LayoutProblem::ByteOrderMark { tool },
        ));
    }
    Ok(text)
}

/// Whether a text holds SQL: more than blank lines and lines of comment.
pub(super) fn says_something(sql: &str) -> bool {
    sql.lines()
        .map(str::trim)
        .any(|line| !line.is_empty() && !line.starts_with("--"))
}

/// A refusal by a layout's rules.
pub(super) fn refusal(file: &str, line: Option<usize>, problem: LayoutProblem) -> LayoutError {
    LayoutError::Rule {
        file: file.to_owned(),
        line,
        problem,
    }
}

/// Digits as a version; `None` when there are other characters. Those too many for a version are refused.
pub(super) fn digits(file: &str, text: &str) -> Result<Option<i64>, LayoutError> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    match text.parse() {
        Ok(version) => Ok(Some(version)),
        Err(_) => {
            let version = text.to_owned();
            Err(refusal(file, None, LayoutProblem::TooLarge { version }))
        }
    }
}

/// A file, or a part of one, that applies a version.
pub(super) struct Up {
    pub(super) file: String,
    pub(super) version: Version,
    /// The version as text.
    pub(super) written: String,
    pub(super) name: String,
    pub(super) sql: String,
    /// Undoes it, where the layout has both in one file.
    pub(super) down: Option<String>,
    pub(super) transactional: bool,
}

/// Ups and downs as they are found, and the names of those that a layout leaves out.
#[derive(Default)]
pub(super) struct Found {
    ups: BTreeMap<Version, Up>,
    downs: BTreeMap<Version, (String, String)>,
    skipped: Vec<String>,
}

impl Found {
    pub(super) fn up(&mut self, up: Up) -> Result<(), LayoutError> {
        match self.ups.entry(up.version) {
            Entry::Vacant(place) => {
                place.insert(up);
                Ok(())
            }
            Entry::Occupied(taken) => Err(LayoutError::Duplicate {
                version: up.version,
                first: taken.get().file.clone(),
                second: up.file,
            }),
        }
    }

    pub(super) fn down(
        &mut self,
        file: &str,
        version: Version,
        sql: &str,
    ) -> Result<(), LayoutError> {
        match self.downs.entry(version) {
            Entry::Vacant(place) => {
                place.insert((file.to_owned(), sql.to_owned()));
                Ok(())
            }
            Entry::Occupied(taken) => Err(LayoutError::Duplicate {
                version,
                first: taken.get().0.clone(),
                second: file.to_owned(),
            }),
        }
    }

    /// Notes a file that the layout leaves out, if it may be one that somebody waits for.
    pub(super) fn skip(&mut self, name: &str) {
        if name.ends_with(SQL) {
            self.skipped.push(name.to_owned());
        }
    }

    /// Leaves out files that undo what no file applies.
    pub(super) fn skip_lonely_downs(&mut self) {
        let lonely = self
            .downs
            .extract_if(.., |version, _| !self.ups.contains_key(version));
        self.skipped.extend(lonely.map(|(_, (file, _))| file));
    }

    /// Refuses files that the tool, which compares text, would apply in another order than by their versions.
    pub(super) fn refuse_other_order(
        &self,
        layout: Layout,
        compared: impl Fn(&Up) -> String,
    ) -> Result<(), LayoutError> {
        let all = || self.ups.values();
        let swapped = |(a, b): &(&Up, &Up)| compared(a) > compared(b);
        match all().zip(all().skip(1)).find(swapped) {
            Some((earlier, later)) => {
                let problem = LayoutProblem::OtherOrder {
                    tool: layout,
                    later: later.file.clone(),
                };
                Err(refusal(&earlier.file, None, problem))
            }
            None => Ok(()),
        }
    }

    /// The set, once every file is in.
    pub(super) fn finish(mut self, layout: Layout) -> Result<MigrationSet, LayoutError> {
        let mut migrations = Vec::with_capacity(self.ups.len());
        for (version, up) in self.ups {
            let down = self.downs.remove(&version).map(|(_, sql)| sql);
            migrations.push(migration(layout, up, down)?);
        }
        match self.downs.into_iter().next() {
            Some((version, (file, _))) => Err(LayoutError::DownWithoutUp { version, file }),
            None => Ok(MigrationSet::new(layout, migrations, self.skipped)),
        }
    }
}

fn migration(layout: Layout, up: Up, down: Option<String>) -> Result<Migration, LayoutError> {
    let refused = |problem| LayoutError::Contract {
        file: up.file.clone(),
        problem,
    };
    let contract = Contract::declared_in(&up.sql).map_err(refused)?;
    let batches = Batches::declared_in(&up.sql).map_err(refused)?;
    let down = down.or(up.down);
    let down_transactional = match (layout, &down) {
        (Layout::Sqlx, Some(down)) => sqlx::is_transactional(down),
        (Layout::Dbmate, Some(down)) => dbmate::is_transactional(down),
        _ => up.transactional,
    };
    Ok(Migration {
        version: up.version,
        name: up.name,
        checksum: digest::sha256(up.sql.as_bytes()),
        up: up.sql,
        down,
        down_transactional,
        contract,
        batches,
        transactional: up.transactional,
        written: up.written,
        file: up.file,
    })
}
