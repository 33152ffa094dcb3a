//! Which files of a repository are migrations: those in a directory that look like some, or those that a pattern names.

/// The files that `migrations` means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The pattern's parts between slashes.
    parts: Vec<String>,
    /// Whether it has none of the signs of a pattern: then it is a directory.
    is_plain: bool,
}

impl Files {
    /// A directory: the files in it whose names begin with a digit, and `migration.*` in those of its directories whose names
    /// do. Or a pattern: `*` and `?` stand for characters of a name, `[a-f]` for one of these, `**` for directories.
    pub fn of(migrations: &str) -> Files {
        let parts = migrations
            .split('/')
            .filter(|part| !matches!(*part, "" | "."));
        let parts: Vec<String> = parts.map(str::to_owned).collect();
        Files {
            is_plain: !parts.iter().any(|part| is_pattern(part)),
            parts,
        }
    }

    /// The directory that all of them are in; empty for the repository's root.
    pub fn folder(&self) -> String {
        let fixed = self.parts.iter().take_while(|part| !is_pattern(part));
        let count = match self.is_plain {
            true => self.parts.len(),
            false => fixed.count().min(self.parts.len() - 1),
        };
        self.parts[..count].join("/")
    }

    /// Whether a file is one of them, by its path from the repository's root.
    pub fn has(&self, path: &str) -> bool {
        let path: Vec<&str> = path.split('/').collect();
        if !self.is_plain {
            return matches(&self.parts, &path, false);
        }
        if path.len() <= self.parts.len() || !self.parts.iter().eq(&path[..self.parts.len()]) {
            return false;
        }
        let is_numbered = |name: &str| name.starts_with(|first: char| first.is_ascii_digit());
        match &path[self.parts.len()..] {
            [file] => is_numbered(file),
            [folder, file] => is_numbered(folder) && file.starts_with("migration."),
            _ => false,
        }
    }

    /// Whether one of them may be below a directory. None is in a hidden one, unless it is named.
    pub(super) fn may_be_below(&self, folder: &str) -> bool {
        let path: Vec<&str> = folder.split('/').collect();
        if !self.is_plain {
            return matches(&self.parts, &path, true);
        }
        let common = path.len().min(self.parts.len());
        path.len() <= self.parts.len() + 1 && self.parts[..common].iter().eq(&path[..common])
    }
}

fn is_pattern(part: &str) -> bool {
    part.contains(['*', '?', '['])
}

/// Whether the parts name the path; or, of a directory, something that may be below it.
fn matches(parts: &[String], path: &[&str], is_folder: bool) -> bool {
    match (parts, path) {
        ([], []) => !is_folder,
        (_, []) => is_folder,
        ([], _) => false,
        ([any, rest @ ..], [first, below @ ..]) if any == "**" => {
            matches(rest, path, is_folder)
                || (!first.starts_with('.') && matches(parts, below, is_folder))
        }
        ([part, rest @ ..], [first, below @ ..]) => {
            is_named(part, first) && matches(rest, below, is_folder)
        }
    }
}

/// Whether a part of a pattern names a part of a path.
fn is_named(part: &str, name: &str) -> bool {
    if name.starts_with('.') && !part.starts_with('.') {
        return false;
    }
    let part: Vec<char> = part.chars().collect();
    let name: Vec<char> = name.chars().collect();
    // Where the last star was, and what it stood for: one more character of it is tried when the rest does not fit.
    let (mut at, mut seen) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while seen < name.len() {
        match step(&part, at, name[seen]) {
            Some(_) if part.get(at) == Some(&'*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(next) => {
                at = next;
                seen += 1;
            }
            None => match star {
                Some((stood, stood_for)) => {
                    star = Some((stood, stood_for + 1));
                    at = stood + 1;
                    seen = stood_for + 1;
                }
                None => return false,
            },
        }
    }
    part[at..].iter().all(|left| *left == '*')
}

/// Where the pattern goes on after a character that fits.
fn step(part: &[char], at: usize, found: char) -> Option<usize> {
    match part.get(at)? {
        '*' => Some(at),
        '?' => Some(at + 1),
        '[' => {
            let end = at + 1 + part[at + 1..].iter().position(|c| *c == ']')?;
            let (is_not, set) = match &part[at + 1..end] {
                ['!', set @ ..] => (true, set),
                set => (false, set),
            };
            (is_one_of(set, found) != is_not).then_some(end + 1)
        }
        wanted => (*wanted == found).then_some(at + 1),
    }
}

fn is_one_of(set: &[char], found: char) -> bool {
    match set {
        [from, '-', to, rest @ ..] => (*from..=*to).contains(&found) || is_one_of(rest, found),
        [one, rest @ ..] => *one == found || is_one_of(rest, found),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_means_what_is_numbered_in_it() {
        let rails = Files::of("db/migrate/");
        assert!(rails.has("db/migrate/20240101000000_a.rb"));
        assert!(!rails.has("db/migrate/README.md"));
        assert!(!rails.has("db/migrate/old/20240101000000_a.rb"));
        assert!(!rails.has("db/20240101000000_a.rb"));
        assert_eq!(rails.folder(), "db/migrate");
        let prisma = Files::of("prisma/migrations");
        assert!(prisma.has("prisma/migrations/2024_a/migration.sql"));
        assert!(!prisma.has("prisma/migrations/migration_lock.toml"));
        assert!(Files::of(".").has("1_a.sql"));
        assert_eq!(Files::of(".").folder(), "");
    }

    #[test]
    fn a_pattern_names_files() {
        let django = Files::of("*/migrations/0*.py");
        assert!(django.has("guests/migrations/0001_initial.py"));
        assert!(!django.has("guests/migrations/__init__.py"));
        assert!(!django.has("src/guests/migrations/0001_initial.py"));
        assert_eq!(django.folder(), "");
        let deep = Files::of("src/**/migrations/[0-9]*.py");
        assert!(deep.has("src/a/b/migrations/1.py"));
        assert!(deep.has("src/migrations/1.py"));
        assert!(!deep.has("src/.venv/a/migrations/1.py"));
        assert!(!deep.has("src/migrations/a.py"));
        assert_eq!(deep.folder(), "src");
        let efcore = Files::of("Migrations/*_*[!r].cs");
        assert!(efcore.has("Migrations/2024_Init.cs"));
        assert!(!efcore.has("Migrations/2024_Init.Designer.cs"));
        let odd = Files::of("a/*a*ab?");
        assert!(odd.has("a/aaaabc") && odd.has("a/aab.") && !odd.has("a/aaab"));
        assert!(
            !Files::of("a/[").has("a/["),
            "a class that does not end names nothing"
        );
        assert_eq!(Files::of("a/*.py").folder(), "a");
    }
}
