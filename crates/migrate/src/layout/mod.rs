//! How migrations lie in a folder: a file per layout, and what they share.
//!
//! To add one: its file, a variant here, and an arm in each function; the compiler names the places.

pub mod command;
pub mod dbmate;
pub mod diesel;
mod error;
mod files;
pub mod flyway;
pub mod golang_migrate;
pub mod goose;
mod next;
mod problem;
pub mod refinery;
pub mod sqlx;

use std::{fmt, path::Path, str::FromStr};

pub use error::LayoutError;
pub use next::{Draft, NextMigration, next};
pub use problem::LayoutProblem;

use serde::{Deserialize, Serialize};

use crate::{Migration, MigrationSet, digest};

/// The tool whose rules a folder of migrations follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Layout {
    /// `VERSION_name.sql`, or `VERSION_name.up.sql` with `VERSION_name.down.sql`: sqlx and its CLI.
    Sqlx,
    /// `VERSION_name.up.sql` with `VERSION_name.down.sql`: golang-migrate.
    GolangMigrate,
    /// `VERSION_name.sql` with `-- migrate:up` and `-- migrate:down` in it: dbmate.
    Dbmate,
    /// `VERSION_name.sql` with `-- +goose Up` and `-- +goose Down` in it: goose.
    Goose,
    /// `VVERSION__name.sql` with `UVERSION__name.sql`: Flyway.
    Flyway,
    /// `VVERSION__name.sql`, or `UVERSION__name.sql` where the order does not matter: refinery.
    Refinery,
    /// `VERSION_name/up.sql` with `VERSION_name/down.sql`: Diesel and its CLI.
    Diesel,
    /// Whatever the project's own tool applies, in whatever language: see [`command`].
    Command,
}

impl Layout {
    /// Every layout whose SQL is read and run here: all but [`Layout::Command`].
    pub const ALL: [Layout; 7] = [
        Layout::Sqlx,
        Layout::GolangMigrate,
        Layout::Dbmate,
        Layout::Goose,
        Layout::Flyway,
        Layout::Refinery,
        Layout::Diesel,
    ];

    /// Whether the tool looks at a file that lies at this path from the migration folder, whatever its name.
    pub fn looks_at(self, path: &str) -> bool {
        let folders = path.matches('/').count();
        match self {
            Layout::Flyway | Layout::Refinery | Layout::Command => true,
            Layout::Diesel => folders <= 1,
            Layout::Sqlx | Layout::GolangMigrate | Layout::Dbmate | Layout::Goose => folders == 0,
        }
    }

    /// The tool's name, as configuration and messages have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Layout::Sqlx => "sqlx",
            Layout::GolangMigrate => "golang-migrate",
            Layout::Dbmate => "dbmate",
            Layout::Goose => "goose",
            Layout::Flyway => "flyway",
            Layout::Refinery => "refinery",
            Layout::Diesel => "diesel",
            Layout::Command => "command",
        }
    }

    /// The table in which the tool keeps what it has applied, by its default name; a project's own tool is asked instead.
    pub(crate) fn history_table(self) -> Option<&'static str> {
        Some(match self {
            Layout::Sqlx => "_sqlx_migrations",
            Layout::GolangMigrate | Layout::Dbmate => "schema_migrations",
            Layout::Goose => "goose_db_version",
            Layout::Flyway => "flyway_schema_history",
            Layout::Refinery => "refinery_schema_history",
            Layout::Diesel => "__diesel_schema_migrations",
            Layout::Command => return None,
        })
    }

    /// The checksums that the tool may have recorded for a migration with this SQL; none if it keeps none.
    pub(crate) fn checksums(self, migration: &Migration, sql: &str) -> Vec<String> {
        match self {
            Layout::Sqlx => vec![digest::hexadecimal(&digest::sha384(sql.as_bytes()))],
            Layout::Refinery => refinery::checksums(migration, sql),
            Layout::Flyway => vec![flyway::checksum(sql)],
            Layout::GolangMigrate
            | Layout::Dbmate
            | Layout::Goose
            | Layout::Diesel
            | Layout::Command => Vec::new(),
        }
    }

    /// How a migration says that it runs outside a transaction, to complete "a migration of its own …".
    pub(crate) fn outside_transaction(self) -> &'static str {
        match self {
            Layout::Sqlx => "whose first line is `-- no-transaction`",
            Layout::GolangMigrate => {
                "that is run by hand: golang-migrate has no way to say so in a file"
            }
            Layout::Dbmate => "that begins with `-- migrate:up transaction:false`",
            Layout::Goose => "with the line `-- +goose NO TRANSACTION`",
            Layout::Flyway => "with `executeInTransaction=false` in its `.sql.conf`",
            Layout::Refinery => "with the line `-- refinery:noTransaction`",
            Layout::Diesel => "with `run_in_transaction = false` in its metadata.toml",
            Layout::Command => "as its tool has them",
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is no layout's. Completes "could not …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("use the migration layout {name:?}: there is none of that name")]
pub struct UnknownLayout {
    /// What was given.
    pub name: String,
}

impl UnknownLayout {
    /// What to write instead.
    pub fn remedy(&self) -> String {
        format!(
            "write one of {}",
            Layout::ALL.map(Layout::as_str).join(", ")
        )
    }
}

impl FromStr for Layout {
    type Err = UnknownLayout;

    fn from_str(name: &str) -> Result<Self, UnknownLayout> {
        Layout::ALL
            .into_iter()
            .find(|layout| layout.as_str() == name)
            .ok_or_else(|| UnknownLayout {
                name: name.to_owned(),
            })
    }
}

/// Reads the migrations in a folder by a layout's rules.
pub fn load(layout: Layout, dir: impl AsRef<Path>) -> Result<MigrationSet, LayoutError> {
    match layout {
        Layout::Sqlx => sqlx::load(dir),
        Layout::GolangMigrate => golang_migrate::load(dir),
        Layout::Dbmate => dbmate::load(dir),
        Layout::Goose => goose::load(dir),
        Layout::Flyway => flyway::load(dir),
        Layout::Refinery => refinery::load(dir),
        Layout::Diesel => diesel::load(dir),
        Layout::Command => command::load(dir, "."),
    }
}

/// Makes a set of files' names and contents by a layout's rules. Names are paths from the migration folder, with `/`
/// between their parts.
pub fn parse<N, B>(
    layout: Layout,
    files: impl IntoIterator<Item = (N, B)>,
) -> Result<MigrationSet, LayoutError>
where
    N: AsRef<str>,
    B: AsRef<[u8]>,
{
    match layout {
        Layout::Sqlx => sqlx::parse(files),
        Layout::GolangMigrate => golang_migrate::parse(files),
        Layout::Dbmate => dbmate::parse(files),
        Layout::Goose => goose::parse(files),
        Layout::Flyway => flyway::parse(files),
        Layout::Refinery => refinery::parse(files),
        Layout::Diesel => diesel::parse(files),
        Layout::Command => command::parse(files),
    }
}

/// The layouts that files with these names may have, those that leave out the fewest files first.
///
/// Names only: what tells sqlx, dbmate and goose apart is in the files. An empty answer means that no tool known here
/// would take the files as they are named.
///
/// ```
/// use towpath_migrate::{Layout, layout};
///
/// let names = ["V1__create_guests.sql", "R__views.sql"];
/// assert_eq!(layout::detect(names), [Layout::Flyway, Layout::Refinery]);
/// ```
pub fn detect<N: AsRef<str>>(names: impl IntoIterator<Item = N>) -> Vec<Layout> {
    let names: Vec<N> = names.into_iter().collect();
    let mut fitting: Vec<_> = Layout::ALL
        .into_iter()
        .filter_map(|layout| Some((left_out(layout, &names)?, layout)))
        .collect();
    // Stable, so that those that leave out as many keep their order.
    fitting.sort_by_key(|(left_out, _)| *left_out);
    fitting.into_iter().map(|(_, layout)| layout).collect()
}

/// How many SQL files a layout leaves out; `None` when it does not fit.
fn left_out<N: AsRef<str>>(layout: Layout, names: &[N]) -> Option<usize> {
    let files = names.iter().map(|name| {
        let name = name.as_ref();
        (name, smallest_content(layout, name))
    });
    match parse(layout, files) {
        Ok(set) if set.migrations().is_empty() => None,
        Ok(set) => Some(set.skipped().len()),
        Err(LayoutError::Rule { problem, .. }) if problem.is_known_to_the_tool() => Some(0),
        Err(_) => None,
    }
}

/// The least that a layout takes for a file, so that only names decide.
fn smallest_content(layout: Layout, name: &str) -> &'static str {
    match layout {
        Layout::Sqlx | Layout::GolangMigrate | Layout::Refinery | Layout::Command => "",
        Layout::Dbmate => "-- migrate:up\n-- migrate:down\n",
        Layout::Goose => "-- +goose Up\n",
        Layout::Flyway if name.ends_with(flyway::SETTINGS) => "",
        Layout::Flyway => "SELECT 1;",
        Layout::Diesel if name.ends_with(diesel::SETTINGS) => "run_in_transaction = true",
        Layout::Diesel => "SELECT 1;",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_is_called_by_its_tools_name_everywhere() {
        for layout in Layout::ALL {
            assert_eq!(layout.as_str().parse(), Ok(layout));
            assert_eq!(layout.to_string(), layout.as_str());
        }
        let unknown = "Flyway".parse::<Layout>().unwrap_err();
        assert_eq!(
            unknown.to_string(),
            "use the migration layout \"Flyway\": there is none of that name"
        );
        assert_eq!(
            unknown.remedy(),
            "write one of sqlx, golang-migrate, dbmate, goose, flyway, refinery, diesel"
        );
    }

    #[test]
    fn names_tell_which_layouts_they_fit() {
        use Layout::{Dbmate, Diesel, Flyway, GolangMigrate, Goose, Refinery, Sqlx};
        let cases: &[(&[&str], &[Layout])] = &[
            (&["1_a.sql", "2_b.sql"], &[Sqlx, Dbmate, Goose]),
            (&["1_a.up.sql", "1_a.down.sql"], &[Sqlx, GolangMigrate]),
            (
                &["1_a.up.sql", "1_a.down.sql", "2_b.sql"],
                &[Sqlx, GolangMigrate],
            ),
            (&["2_b.sql", "10_j.sql"], &[Sqlx, Goose]),
            (&["V1__a.sql", "V2__b.sql"], &[Flyway, Refinery]),
            (&["V1__a.sql", "V1__a.sql.conf"], &[Flyway, Refinery]),
            (&["V1__a.sql", "V1.1__b.sql"], &[Flyway]),
            (&["V1__a.sql", "R__views.sql"], &[Flyway, Refinery]),
            (
                &[
                    "00000000000000_setup/up.sql",
                    "00000000000000_setup/down.sql",
                ],
                &[Diesel],
            ),
            (&["1_a/up.sql", "1_a/metadata.toml"], &[Diesel]),
            (&["schema.sql", "README.md"], &[]),
            (&[], &[]),
        ];
        for (names, expected) in cases {
            assert_eq!(detect(names.iter()), *expected, "{names:?}");
        }
    }
}
