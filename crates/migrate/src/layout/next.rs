//! The next migration of a folder: what its files are called, by the numbering that the folder has, and what is in them.
//!
//! Pure: whoever asks writes the files. Where a folder has no migration yet, the numbering is the one that the layout's
//! own tool begins with.

use super::{Layout, LayoutError, parse, smallest_content};
use crate::Version;

/// A migration that is to be written.
#[derive(Debug, Clone, Copy)]
pub struct Draft<'a> {
    /// What it does, in a few words.
    pub name: &'a str,
    /// What stands above its SQL as comments, a line each: its contract, and what its reader must know.
    pub heading: &'a [String],
    /// The statements that apply it, without the semicolons that end them.
    pub up: &'a [String],
    /// The statements that undo it.
    pub down: &'a [String],
}

/// The files of a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextMigration {
    /// Its version.
    pub version: Version,
    /// Paths from the migration folder, with `/` between their parts, and contents.
    pub files: Vec<(String, String)>,
    /// Whether what undoes it is in there: refinery has no place for it, and a folder of sqlx may have none.
    pub undoable: bool,
}

/// The next migration in a folder that has files of these names. `now_ms` is in milliseconds since 1970.
///
/// ```
/// use towpath_migrate::{Layout, layout::{self, Draft}};
///
/// let (up, down) = (["CREATE TABLE guests (name TEXT)".to_owned()], ["DROP TABLE guests".to_owned()]);
/// let draft = Draft { name: "Add guests", heading: &[], up: &up, down: &down };
/// let next = layout::next(Layout::GolangMigrate, ["000002_a.up.sql"], draft, 0)?;
/// assert_eq!(next.files[0], ("000003_add_guests.up.sql".into(), "CREATE TABLE guests (name TEXT);\n".into()));
/// assert_eq!(next.files[1].0, "000003_add_guests.down.sql");
/// # Ok::<(), towpath_migrate::LayoutError>(())
/// ```
pub fn next<N: AsRef<str>>(
    layout: Layout,
    names: impl IntoIterator<Item = N>,
    draft: Draft<'_>,
    now_ms: i64,
) -> Result<NextMigration, LayoutError> {
    if layout == Layout::Command {
        return Err(LayoutError::OfTool);
    }
    let names: Vec<String> = names
        .into_iter()
        .map(|name| name.as_ref().to_owned())
        .collect();
    let there = names
        .iter()
        .map(|name| (name.clone(), smallest_content(layout, name).to_owned()));
    let there: Vec<(String, String)> = there.collect();
    let set = parse(layout, there.iter().map(|(name, content)| (name, content)))?;
    let mut versions = set.migrations().iter().rev();
    let last = versions.find(|migration| !migration.version.is_repeatable());
    let last = last.map(|migration| Last {
        version: migration.version,
        file: &migration.file,
    });
    let number = Numbering::of(layout, last.as_ref()).next(last.as_ref(), now_ms);
    let mut name = slug(draft.name);
    if name.is_empty() {
        name.push_str("change");
    }
    let pairs = last.is_none() || names.iter().any(|name| name.ends_with(".up.sql"));
    let files = files(
        layout,
        last.as_ref(),
        &format!("{number}_{name}"),
        (&number, &name),
        draft,
        pairs,
    );
    // What the tool would not take, or not as it is meant, is found out before it is written.
    let all = there
        .iter()
        .chain(&files)
        .map(|(name, content)| (name, content));
    let written = parse(layout, all)?;
    let migration = written
        .migrations()
        .iter()
        .find(|migration| set.get(migration.version).is_none());
    Ok(NextMigration {
        version: migration.map_or(0.into(), |migration| migration.version),
        undoable: migration.is_some_and(|migration| migration.down.is_some()),
        files,
    })
}

/// The folder's last migration.
struct Last<'a> {
    version: Version,
    file: &'a str,
}

impl Last<'_> {
    /// The folder that its file is in, with the `/` after it.
    fn folder(&self) -> &str {
        self.file.rfind('/').map_or("", |end| &self.file[..=end])
    }
}

fn files(
    layout: Layout,
    last: Option<&Last<'_>>,
    stem: &str,
    (number, name): (&str, &str),
    draft: Draft<'_>,
    pairs: bool,
) -> Vec<(String, String)> {
    let up = heading(draft.heading) + &script(draft.up);
    let down = script(draft.down);
    let folder = last.map_or("", Last::folder);
    let with_down = |up: (String, String), path: String| match draft.down.is_empty() {
        true => vec![up],
        false => vec![up, (path, down.clone())],
    };
    match layout {
        // Its files are in a language that is not ours.
        Layout::Command => Vec::new(),
        Layout::Sqlx if !pairs => vec![(format!("{stem}.sql"), up)],
        Layout::Sqlx | Layout::GolangMigrate => {
            with_down((format!("{stem}.up.sql"), up), format!("{stem}.down.sql"))
        }
        Layout::Dbmate => {
            let text = format!("-- migrate:up\n{up}\n-- migrate:down\n{down}");
            vec![(format!("{stem}.sql"), text)]
        }
        Layout::Goose => {
            let up = heading(draft.heading) + &goose(draft.up);
            let text = format!("-- +goose Up\n{up}\n-- +goose Down\n{}", goose(draft.down));
            vec![(format!("{stem}.sql"), text)]
        }
        Layout::Flyway => with_down(
            (format!("{folder}V{number}__{name}.sql"), up),
            format!("{folder}U{number}__{name}.sql"),
        ),
        Layout::Refinery => vec![(format!("{folder}V{number}__{name}.sql"), up)],
        // Its CLI makes both files, and undoes what has the second.
        Layout::Diesel => with_down((format!("{stem}/up.sql"), up), format!("{stem}/down.sql")),
    }
}

fn heading(lines: &[String]) -> String {
    let lines = lines.iter().flat_map(|line| line.lines());
    lines
        .map(|line| format!("-- {line}").trim_end().to_owned() + "\n")
        .collect()
}

/// Statements as a script.
fn script(statements: &[String]) -> String {
    let statements: Vec<_> = statements
        .iter()
        .map(|statement| format!("{statement};\n"))
        .collect();
    statements.join("\n")
}

/// Statements for goose, which takes a semicolon at the end of a line for the end of a statement.
fn goose(statements: &[String]) -> String {
    let marked = |statement: &String| match statement.contains(';') {
        true => format!("-- +goose StatementBegin\n{statement};\n-- +goose StatementEnd\n"),
        false => format!("{statement};\n"),
    };
    let statements: Vec<_> = statements.iter().map(marked).collect();
    statements.join("\n")
}

/// A name as files have it.
fn slug(name: &str) -> String {
    let words = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    words
        .map(str::to_ascii_lowercase)
        .collect::<Vec<_>>()
        .join("_")
}

/// How a folder numbers its migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Numbering {
    /// One after the other, with zeros before them up to a width.
    Sequence { width: usize },
    /// By the time, to so many digits: 8 to the day, 14 to the second.
    Date { digits: usize },
    /// By the seconds since 1970.
    Seconds,
    /// By the time, as Diesel writes it, with what follows the time.
    Hyphens { after: usize },
    /// In parts, of which the last is counted, with what stands between them.
    Parts { between: char },
}

impl Numbering {
    fn of(layout: Layout, last: Option<&Last<'_>>) -> Numbering {
        let Some(last) = last else {
            return match layout {
                Layout::Flyway | Layout::Refinery => Numbering::Sequence { width: 1 },
                Layout::Diesel => Numbering::Hyphens { after: 0 },
                Layout::Sqlx
                | Layout::GolangMigrate
                | Layout::Dbmate
                | Layout::Goose
                | Layout::Command => Numbering::Date { digits: 14 },
            };
        };
        let name = match layout {
            Layout::Diesel => last.file.split('/').next().unwrap_or_default(),
            _ => last.file.rsplit('/').next().unwrap_or_default(),
        };
        let written = name.trim_start_matches(['V', 'U']);
        let Some(version) = last.version.number() else {
            let (version, _) = written.split_once("__").unwrap_or((written, ""));
            let between = if version.contains('_') { '_' } else { '.' };
            return Numbering::Parts { between };
        };
        let end = written
            .find(|c: char| !(c.is_ascii_digit() || c == '-'))
            .unwrap_or(written.len());
        let written = &written[..end];
        let digits = written.chars().filter(char::is_ascii_digit).count();
        match digits {
            14.. if written.contains('-') => Numbering::Hyphens { after: digits - 14 },
            8 | 12 | 14 if is_date(version, digits) => Numbering::Date { digits },
            10 if version >= 1_000_000_000 => Numbering::Seconds,
            width => Numbering::Sequence { width },
        }
    }

    fn next(self, last: Option<&Last<'_>>, now_ms: i64) -> String {
        let number = last.and_then(|last| last.version.number());
        let after_last = number.map_or(1, |number| number.saturating_add(1));
        let seconds = now_ms.div_euclid(1000);
        match self {
            Numbering::Sequence { width } => format!("{after_last:0width$}"),
            Numbering::Parts { between } => {
                let next = last.and_then(|last| last.version.next());
                let next = next.map(|next| next.to_string().replace('.', &between.to_string()));
                next.unwrap_or_default()
            }
            Numbering::Seconds => seconds.max(after_last).to_string(),
            Numbering::Date { digits } => {
                let now =
                    date(seconds) / 10_i64.pow(14 - u32::try_from(digits).unwrap_or(14).min(14));
                format!("{:0digits$}", now.max(after_last))
            }
            Numbering::Hyphens { after } => {
                let scale = 10_i64
                    .checked_pow(u32::try_from(after).unwrap_or(0))
                    .unwrap_or(1);
                let version = date(seconds).saturating_mul(scale).max(after_last);
                let digits = format!("{version:0width$}", width = 14 + after);
                let rest = if after == 0 {
                    String::new()
                } else {
                    format!("-{}", &digits[14..])
                };
                format!(
                    "{}-{}-{}-{}{rest}",
                    &digits[..4],
                    &digits[4..6],
                    &digits[6..8],
                    &digits[8..14]
                )
            }
        }
    }
}

/// Whether a number of so many digits says a day, and may be no count.
fn is_date(version: i64, digits: usize) -> bool {
    let day = version / 10_i64.pow(u32::try_from(digits - 8).unwrap_or(0));
    let (year, month, day) = (day / 10_000, day / 100 % 100, day % 100);
    (1970..2200).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day)
}

/// Seconds since 1970 as a number of the form `20260131235959`, in UTC.
///
/// Days to dates as by Howard Hinnant (<https://howardhinnant.github.io/date_algorithms.html#civil_from_days>).
fn date(seconds: i64) -> i64 {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year + era * 400 + i64::from(month <= 2);
    let time = second / 3600 * 10_000 + second / 60 % 60 * 100 + second % 60;
    ((year * 100 + month) * 100 + day) * 1_000_000 + time
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// 2026-11-21 17:02:51 UTC.
    const NOW: i64 = 1_795_280_571_000;

    fn named(layout: Layout, names: &[&str]) -> String {
        let up = ["SELECT 1".to_owned()];
        let draft = Draft {
            name: "Add e-mail",
            heading: &[],
            up: &up,
            down: &[],
        };
        let next = next(layout, names, draft, NOW).unwrap();
        next.files[0].0.clone()
    }

    #[test]
    fn numbering_goes_on_as_it_is() {
        use Layout::{Dbmate, Diesel, Flyway, GolangMigrate, Goose, Refinery, Sqlx};
        let cases: &[(Layout, &[&str], &str)] = &[
            (Sqlx, &["README.md"], "20261121170251_add_e_mail.up.sql"),
            (
                Sqlx,
                &["20260101000000_a.sql"],
                "20261121170251_add_e_mail.sql",
            ),
            (Sqlx, &["20260101_a.sql"], "20261121_add_e_mail.sql"),
            (Sqlx, &["20261121_a.up.sql"], "20261122_add_e_mail.up.sql"),
            (
                Sqlx,
                &["202601010000_a.up.sql"],
                "202611211702_add_e_mail.up.sql",
            ),
            (
                Sqlx,
                &["0009_a.sql", "1_b.sql", "seed.sql"],
                "0010_add_e_mail.sql",
            ),
            (Sqlx, &["1_a.sql"], "2_add_e_mail.sql"),
            (Sqlx, &["99999999_a.sql"], "100000000_add_e_mail.sql"),
            (
                Sqlx,
                &["29990101000000_a.sql"],
                "29990101000001_add_e_mail.sql",
            ),
            (GolangMigrate, &[], "20261121170251_add_e_mail.up.sql"),
            (
                GolangMigrate,
                &["000009_a.up.sql"],
                "000010_add_e_mail.up.sql",
            ),
            (
                GolangMigrate,
                &["1700000000_a.up.sql"],
                "1795280571_add_e_mail.up.sql",
            ),
            (Dbmate, &[], "20261121170251_add_e_mail.sql"),
            (
                Goose,
                &["00001_a.sql", "00002_b.sql"],
                "00003_add_e_mail.sql",
            ),
            (Flyway, &[], "V1__add_e_mail.sql"),
            (
                Flyway,
                &["core/V2__a.sql", "V1__b.sql"],
                "core/V3__add_e_mail.sql",
            ),
            (Flyway, &["V007__a.sql"], "V008__add_e_mail.sql"),
            (
                Flyway,
                &["V20260101120000__a.sql"],
                "V20261121170251__add_e_mail.sql",
            ),
            (
                Flyway,
                &["V1.2.9__a.sql", "V1.1__b.sql", "R__views.sql"],
                "V1.2.10__add_e_mail.sql",
            ),
            (Flyway, &["V1_2__a.sql"], "V1_3__add_e_mail.sql"),
            (Flyway, &["R__views.sql"], "V1__add_e_mail.sql"),
            (Refinery, &["V1__a.sql", "U2__b.sql"], "V3__add_e_mail.sql"),
            (Diesel, &[], "2026-11-21-170251_add_e_mail/up.sql"),
            (
                Diesel,
                &["00000000000000_setup/up.sql", "2026-01-01-120000_a/up.sql"],
                "2026-11-21-170251_add_e_mail/up.sql",
            ),
            (
                Diesel,
                &["2026-01-01-120000-0000_a/up.sql"],
                "2026-11-21-170251-0000_add_e_mail/up.sql",
            ),
            (
                Diesel,
                &["00000000000001_a/up.sql"],
                "00000000000002_add_e_mail/up.sql",
            ),
        ];
        for (layout, names, expected) in cases {
            assert_eq!(named(*layout, names), *expected, "{layout} {names:?}");
        }
    }

    #[test]
    fn what_the_tool_would_take_otherwise_is_refused() {
        let up = [
            "CREATE VIEW v AS\n-- migrate:down\nSELECT 1".to_owned(),
            "SELECT '${x}'".to_owned(),
        ];
        let draft = Draft {
            name: "",
            heading: &[],
            up: &up,
            down: &[],
        };
        assert!(next(Layout::Dbmate, [""; 0], draft, NOW).is_err());
        assert!(next(Layout::Flyway, [""; 0], draft, NOW).is_err());
        // Its files are sorted as text: 9 is its last.
        assert!(next(Layout::Dbmate, ["9_a.sql"], draft, NOW).is_err());
        assert_eq!(
            next(Layout::Sqlx, [""; 0], draft, NOW).unwrap().files[0].0,
            "20261121170251_change.up.sql"
        );
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        let cases = [
            (0, 19_700_101_000_000),
            (951_782_399, 20_000_228_235_959),
            (951_782_400, 20_000_229_000_000),
            (1_709_251_199, 20_240_229_235_959),
            (4_107_542_400, 21_000_301_000_000),
            (NOW / 1000, 20_261_121_170_251),
        ];
        for (seconds, expected) in cases {
            assert_eq!(date(seconds), expected);
        }
    }

    fn statement() -> impl Strategy<Value = String> {
        prop_oneof![
            "CREATE TABLE [a-z]{1,5} \\(x TEXT DEFAULT '[a-z ]{0,5}'\\)",
            "CREATE TRIGGER [a-z]{1,5} AFTER INSERT ON t BEGIN\n  SELECT 1;\n  SELECT '[a-z;]{0,5}';\nEND",
            "CREATE VIEW [a-z]{1,5} AS\n-- [a-z]{0,5}\nSELECT 1",
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            place in 0..7_usize,
            up in vec(statement(), 1..4),
            down in vec(statement(), 0..4),
            heading in vec("[a-z ]{0,9}", 0..3),
            now in 0..4_000_000_000_000_i64,
        ) {
            let layout = Layout::ALL[place];
            let heading: Vec<String> = heading.into_iter().chain(["towpath: expand because so".to_owned()]).collect();
            let mut there: Vec<(String, String)> = Vec::new();
            for round in 1..4 {
                let draft = Draft { name: "some change", heading: &heading, up: &up, down: &down };
                let names: Vec<_> = there.iter().map(|(name, _)| name.clone()).collect();
                let next = next(layout, names, draft, now).unwrap();
                there.extend(next.files.clone());
                let set = parse(layout, there.iter().map(|(name, content)| (name, content))).unwrap();
                prop_assert_eq!(set.migrations().len(), round);
                let migration = set.migrations().last().unwrap();
                prop_assert_eq!(migration.version, next.version);
                prop_assert_eq!(migration.contract.kind.as_str(), "expand");
                let expected: Vec<String> = up.iter().map(|statement| format!("{statement};")).collect();
                prop_assert_eq!(statements(&migration.up), expected);
                let expected: Vec<String> = down.iter().map(|statement| format!("{statement};")).collect();
                let found = migration.down.as_deref().map(statements).unwrap_or_default();
                let kept = if layout == Layout::Refinery { Vec::new() } else { expected };
                prop_assert_eq!(&found, &kept);
                prop_assert_eq!(next.undoable, !kept.is_empty());
            }
        }
    }

    /// The statements of a script as they were given: each begins with `CREATE`.
    fn statements(sql: &str) -> Vec<String> {
        let lines = sql
            .lines()
            .filter(|line| !line.starts_with("-- +goose") && !line.starts_with("-- migrate:"));
        let text = lines.collect::<Vec<_>>().join("\n");
        let begins: Vec<usize> = text.match_indices("CREATE ").map(|(at, _)| at).collect();
        let ends = begins.iter().skip(1).copied().chain([text.len()]);
        begins
            .iter()
            .zip(ends)
            .map(|(begin, end)| text[*begin..end].trim().to_owned())
            .collect()
    }
}
