//! Which migrations are pending, and whether they may be applied: a pure decision over a set and a history.

use crate::{
    DatabaseError, History, Layout, Migration, MigrationSet, NativeRow, ReceiptState, ScriptError,
    Version, digest, layout::flyway, migration::title,
};

/// What applying would do. Planning touches nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Migrations to apply, in order.
    pub pending: Vec<Migration>,
    /// Versions that the user's own tool has applied and that will get a receipt, in order.
    pub adopted: Vec<Version>,
    /// What the database remembered when this was planned.
    pub history: History,
    /// The set it was planned for, to plan again under the lock.
    pub set: MigrationSet,
}

impl Plan {
    /// Whether there is nothing to apply and nothing to adopt.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.adopted.is_empty()
    }
}

/// Why a set cannot be applied to a database. Completes "could not …".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The database cannot be read.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A pending migration cannot be run as it is written.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// A migration was begun and never ended.
    #[error("plan past migration {}: {by} recorded that it was begun, and nobody that it ended", title(*version, name))]
    Dirty {
        /// The migration's version.
        version: Version,
        /// Its name.
        name: String,
        /// Who recorded it.
        by: &'static str,
    },
    /// A migration is half undone.
    #[error("plan past migration {}: it was being undone, and nobody recorded that it is", title(*version, name))]
    Undoing {
        /// The migration's version.
        version: Version,
        /// Its name.
        name: String,
    },
    /// An applied migration's file was edited.
    #[error(
        "plan past migration {}: its file was edited after it was applied (checksum {recorded} then, {found} now)",
        title(*version, name)
    )]
    Edited {
        /// The migration's version.
        version: Version,
        /// Its name.
        name: String,
        /// The checksum when it was applied.
        recorded: String,
        /// The checksum of the file now, by the same digest.
        found: String,
        /// Whether only the line endings differ.
        line_endings: bool,
    },
    /// An applied migration is not in the set.
    #[error("plan past migration {}: the database has it and the migration set has not", title(*version, name))]
    Missing {
        /// The migration's version.
        version: Version,
        /// Its name when it was applied.
        name: String,
    },
    /// The set is that of the project's own tool, which was not asked.
    #[error(
        "plan migrations that the project's own tool applies: it was not asked what is applied"
    )]
    NotAsked,
    /// The project's own tool does not tell what we have a receipt for.
    #[error("plan past migration {}: it has a receipt, and the tool's status does not tell it as applied", title(*version, name))]
    Untold {
        /// The migration's version.
        version: Version,
        /// Its name when it was applied.
        name: String,
    },
    /// The project's own tool tells something that may be several migrations.
    #[error("tell which migration the tool's status means by {told:?}: {}", names.join(" or "))]
    Ambiguous {
        /// What it tells.
        told: String,
        /// The names of those that it may be.
        names: Vec<String>,
    },
    /// The project's own tool tells something as not applied that no file is called by.
    #[error("find the migration that the tool's status tells as not applied: {told:?}")]
    Unmatched {
        /// What it tells.
        told: String,
    },
    /// A pending migration is older than one that is applied.
    #[error("plan migration {}: a later one, {latest}, is already applied", title(*version, name))]
    OutOfOrder {
        /// The pending migration's version.
        version: Version,
        /// Its name.
        name: String,
        /// The latest version that is applied.
        latest: Version,
    },
    /// A tool's table has rows that are not read, or not understood.
    #[error(
        "plan migrations laid out for {layout}: what {table} says in the database cannot be taken over"
    )]
    OtherHistory {
        /// The set's layout.
        layout: Layout,
        /// The table in which the tool keeps what it has applied.
        table: &'static str,
    },
    /// We have a receipt, and the user's own tool no longer has its row.
    #[error("plan past migration {}: it has a receipt and no row in {table}", title(*version, name))]
    Unrecorded {
        /// The migration's version.
        version: Version,
        /// Its name when it was applied.
        name: String,
        /// The table in which the tool keeps what it has applied.
        table: &'static str,
    },
}

impl PlanError {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            PlanError::Database(error) => error.remedy(),
            PlanError::Script(error) => error.remedy(),
            PlanError::Dirty { .. } => {
                "compare the schema with the migration's file; finish it or undo it by hand, then settle this version \
                 as applied or as not applied"
                    .into()
            }
            PlanError::Undoing { .. } => "undo it again: it goes on from where it stopped".into(),
            PlanError::Edited {
                line_endings: true, ..
            } => {
                "only the line endings differ: check it out as it was committed (`*.sql -text` in .gitattributes)".into()
            }
            PlanError::Edited { .. } => {
                "restore the file as it was, and put the change into a new migration".into()
            }
            PlanError::Missing { .. } => {
                "use a release that has this migration, or restore its file; it may come from another branch".into()
            }
            PlanError::NotAsked => "ask its status".into(),
            PlanError::Untold { .. } => {
                "if the tool took it back, settle it as not applied; otherwise see that `status` asks this database, and \
                 that what it tells is found (`applied`, `pending`)"
                    .into()
            }
            PlanError::Ambiguous { .. } => {
                "have `status` tell whole names, or name each file as the tool calls it".into()
            }
            PlanError::Unmatched { .. } => {
                "use a release that has its file, name the file as the tool calls it, or correct `pending`, so that it \
                 finds names of migrations only"
                    .into()
            }
            PlanError::OutOfOrder { latest, .. } => {
                format!("rename its file to a version later than {latest}")
            }
            PlanError::OtherHistory { layout, .. } => {
                format!(
                    "let {layout} itself migrate this database, or begin with an empty one"
                )
            }
            PlanError::Unrecorded { .. } => {
                "if it was reverted with the tool of that table, settle this version as not applied; if only the row was lost, settle it \
                 as applied"
                    .into()
            }
        }
    }
}

/// Plans `set` on a database that remembers `history`.
pub(crate) fn decide(set: &MigrationSet, history: History) -> Result<Plan, PlanError> {
    refuse_other_history(set.layout(), &history)?;
    refuse_dirty(set.layout(), &history)?;
    refuse_changed(set, &history)?;
    let latest = history.latest();
    let mut pending = Vec::new();
    for migration in set.migrations() {
        if history.begun(migration.version).is_some() {
            pending.push(migration.clone());
            continue;
        }
        if is_applied(migration, &history) {
            continue;
        }
        let is_ordered = set.layout() != Layout::Command;
        if let Some(latest) = latest.filter(|latest| is_ordered && *latest > migration.version) {
            return Err(PlanError::OutOfOrder {
                version: migration.version,
                name: migration.name.clone(),
                latest,
            });
        }
        pending.push(migration.clone());
    }
    Ok(Plan {
        pending,
        adopted: adopted(set, &history),
        history,
        set: set.clone(),
    })
}

/// Whether a migration has nothing to do. A repeatable one has, once its tool knows it as another.
fn is_applied(migration: &Migration, history: &History) -> bool {
    if !migration.version.is_repeatable() {
        return history.knows(migration.version);
    }
    let row = history.native.get(&migration.version);
    row.is_some_and(|row| flyway::is_current(migration, row.checksum.as_ref()))
}

/// What the user's own tool has applied and what has no receipt yet; of repeatable migrations, none of what they are now.
fn adopted(set: &MigrationSet, history: &History) -> Vec<Version> {
    let is_wanted = |row: &&NativeRow| {
        let receipt = history.receipts.get(&row.version);
        let Some(migration) = set.get(row.version).filter(|_| row.version.is_repeatable()) else {
            return receipt.is_none();
        };
        is_applied(migration, history)
            && receipt
                .is_none_or(|receipt| receipt.checksum != migration.checksum && !receipt.is_begun())
    };
    let rows = history.native.values().filter(is_wanted);
    rows.map(|row| row.version).collect()
}

/// What a tool has applied and is not known here would be pending, and be run again.
fn refuse_other_history(layout: Layout, history: &History) -> Result<(), PlanError> {
    // What the project's own tool keeps, and where, is for it to say.
    if matches!(layout, Layout::Sqlx | Layout::Command) {
        return Ok(());
    }
    let tables = [layout.history_table(), Layout::Sqlx.history_table()];
    match tables
        .into_iter()
        .flatten()
        .find(|table| history.unread.contains(table))
    {
        Some(table) => Err(PlanError::OtherHistory { layout, table }),
        None => Ok(()),
    }
}

fn refuse_dirty(layout: Layout, history: &History) -> Result<(), PlanError> {
    for receipt in history.receipts.values() {
        if receipt.state == ReceiptState::Undoing {
            return Err(PlanError::Undoing {
                version: receipt.version,
                name: receipt.name.clone(),
            });
        }
        if receipt.state == ReceiptState::Started && !receipt.is_begun() {
            return Err(PlanError::Dirty {
                version: receipt.version,
                name: receipt.name.clone(),
                by: "a receipt",
            });
        }
    }
    let failed = |row: &&NativeRow| !row.success && history.begun(row.version).is_none();
    match history.native.values().find(failed) {
        Some(row) => Err(PlanError::Dirty {
            version: row.version,
            name: row.description.clone(),
            by: layout.history_table().unwrap_or("its tool"),
        }),
        None => Ok(()),
    }
}

fn refuse_changed(set: &MigrationSet, history: &History) -> Result<(), PlanError> {
    for receipt in history.receipts.values() {
        let (version, name) = (receipt.version, &receipt.name);
        let migration = in_set(set, version, name)?;
        if receipt.is_begun() {
            // What is not done of it may be corrected; the rest is compared when it goes on.
            continue;
        }
        if !version.is_repeatable() {
            refuse_edited(migration, &receipt.checksum, |sql| {
                vec![digest::sha256(sql.as_bytes())]
            })?;
        }
        let layout = set.layout();
        if !history.native.contains_key(&version) {
            let name = name.clone();
            return Err(match layout.history_table() {
                Some(table) => PlanError::Unrecorded {
                    version,
                    name,
                    table,
                },
                None => PlanError::Untold { version, name },
            });
        }
    }
    let ended = |row: &&NativeRow| history.begun(row.version).is_none();
    for row in history.native.values().filter(ended) {
        let migration = in_set(set, row.version, &row.description)?;
        // Without a checksum, the file is believed to be what was applied.
        if let Some(checksum) = row
            .checksum
            .as_ref()
            .filter(|_| !row.version.is_repeatable())
        {
            refuse_edited(migration, checksum, |sql| {
                set.layout().checksums(migration, sql)
            })?;
        }
    }
    Ok(())
}

fn in_set<'a>(
    set: &'a MigrationSet,
    version: Version,
    name: &str,
) -> Result<&'a Migration, PlanError> {
    set.get(version).ok_or_else(|| PlanError::Missing {
        version,
        name: name.to_owned(),
    })
}

fn refuse_edited(
    migration: &Migration,
    recorded: &str,
    checksums: impl Fn(&str) -> Vec<String>,
) -> Result<(), PlanError> {
    let found = checksums(&migration.up);
    let recorded_for = |sql: &str| checksums(sql).iter().any(|checksum| checksum == recorded);
    if recorded_for(&migration.up) {
        return Ok(());
    }
    let unix = migration.up.replace("\r\n", "\n");
    let line_endings = recorded_for(&unix) || recorded_for(&unix.replace('\n', "\r\n"));
    Err(PlanError::Edited {
        version: migration.version,
        name: migration.name.clone(),
        recorded: recorded.to_owned(),
        found: found.into_iter().next().unwrap_or_default(),
        line_endings,
    })
}

#[cfg(test)]
mod tests {
    use proptest::{collection::btree_set, prelude::*};

    use super::*;
    use crate::{
        ADOPTED, Contract, NativeRow, Receipt,
        layout::{flyway, goose, sqlx},
    };

    fn set(versions: impl IntoIterator<Item = i64>) -> MigrationSet {
        sqlx::parse(
            versions
                .into_iter()
                .map(|version| (format!("{version}_m.sql"), format!("SELECT {version};\n"))),
        )
        .unwrap()
    }

    fn row(migration: &Migration) -> NativeRow {
        NativeRow {
            version: migration.version,
            description: migration.name.clone(),
            success: true,
            checksum: Some(digest::hexadecimal(&digest::sha384(
                migration.up.as_bytes(),
            ))),
            installed_at_ms: 0,
            took_ms: 0,
        }
    }

    fn receipt(migration: &Migration) -> Receipt {
        Receipt {
            version: migration.version,
            name: migration.name.clone(),
            checksum: migration.checksum.clone(),
            contract: Contract::UNKNOWN,
            state: ReceiptState::Applied,
            applied_at_ms: 0,
            took_ms: 0,
            applied_by: ADOPTED.into(),
            down: None,
            down_transactional: true,
            progress: None,
        }
    }

    /// A history in which all of a set is applied, with receipts for the versions that `receipted` accepts.
    fn history(set: &MigrationSet, receipted: impl Fn(Version) -> bool) -> History {
        let all = set.migrations().iter();
        History {
            receipts: all
                .clone()
                .filter(|m| receipted(m.version))
                .map(|m| (m.version, receipt(m)))
                .collect(),
            native: all.map(|m| (m.version, row(m))).collect(),
            ..History::default()
        }
    }

    #[test]
    fn a_changed_past_is_refused() {
        let all = set([1, 2, 3]);
        let edited =
            sqlx::parse([("1_m.sql", "SELECT 1;\n"), ("2_m.sql", "SELECT 22;\n")]).unwrap();
        let endings = sqlx::parse([("1_m.sql", "SELECT 1;\r\n")]).unwrap();
        let applied = |versions: &[i64]| history(&set(versions.iter().copied()), |_| true);
        let native = |versions: &[i64]| history(&set(versions.iter().copied()), |_| false);

        for past in [applied(&[1, 2]), native(&[1, 2])] {
            let error = decide(&edited, past).unwrap_err();
            assert!(
                matches!(
                    error,
                    PlanError::Edited {
                        version,
                        line_endings: false,
                        ..
                    } if version == 2
                ),
                "{error}"
            );
        }
        for past in [applied(&[1]), native(&[1])] {
            let error = decide(&endings, past).unwrap_err();
            assert!(
                matches!(
                    error,
                    PlanError::Edited {
                        version,
                        line_endings: true,
                        ..
                    } if version == 1
                ),
                "{error}"
            );
        }
        for past in [applied(&[4]), native(&[4])] {
            let error = decide(&all, past).unwrap_err();
            assert!(
                matches!(error, PlanError::Missing { version, .. } if version == 4),
                "{error}"
            );
        }
        for past in [applied(&[1, 3]), native(&[1, 3])] {
            let error = decide(&all, past).unwrap_err();
            assert!(
                matches!(
                    error,
                    PlanError::OutOfOrder {
                        version,
                        latest,
                        ..
                    } if version == 2 && latest == 3
                ),
                "{error}"
            );
        }
        let mut begun = applied(&[1]);
        begun.receipts.get_mut(&1.into()).unwrap().state = ReceiptState::Started;
        let mut failed = native(&[1]);
        failed.native.get_mut(&1.into()).unwrap().success = false;
        for past in [begun, failed] {
            let error = decide(&all, past).unwrap_err();
            assert!(
                matches!(error, PlanError::Dirty { version, .. } if version == 1),
                "{error}"
            );
        }
        let mut reverted = applied(&[1, 2]);
        reverted.native.remove(&2.into());
        let error = decide(&all, reverted).unwrap_err();
        assert!(
            matches!(error, PlanError::Unrecorded { version, .. } if version == 2),
            "{error}"
        );
    }

    /// What Flyway remembers of a set.
    fn of_flyway(files: &[(&str, &str)], receipted: bool) -> History {
        let set = flyway::parse(files.iter().copied()).unwrap();
        let rows = set.migrations().iter().map(|m| NativeRow {
            checksum: Some(flyway::checksum(&m.up)),
            ..row(m)
        });
        History {
            native: rows.map(|row| (row.version, row)).collect(),
            ..history(&set, |_| receipted)
        }
    }

    #[test]
    fn a_repeatable_migration_is_pending_when_it_is_not_what_it_was() {
        let before = [
            ("V1__a.sql", "SELECT 1;"),
            ("V1.5__b.sql", "SELECT 2;"),
            ("R__b.sql", "SELECT 3;"),
            ("R__c.sql", "SELECT 4;"),
        ];
        let after = flyway::parse([
            before[0],
            before[1],
            ("V2__c.sql", "SELECT 5;"),
            ("R__a.sql", "SELECT 6;"),
            ("R__b.sql", "SELECT 33;"),
            ("R__c.sql", "SELECT 4;\r\n"),
        ])
        .unwrap();
        for receipted in [true, false] {
            let plan = decide(&after, of_flyway(&before, receipted)).unwrap();
            let pending: Vec<_> = plan.pending.iter().map(|m| m.version.to_string()).collect();
            assert_eq!(pending, ["2", "R__a", "R__b"]);
            // Its line ends are none of Flyway's business, and our checksum is that of the file as it is now.
            let adopted: Vec<_> = plan.adopted.iter().map(Version::to_string).collect();
            let all = ["1", "1.5", "R__c"];
            assert_eq!(adopted, if receipted { &all[2..] } else { &all[..] });
        }
    }

    #[test]
    fn versions_in_parts_keep_their_order() {
        let past = of_flyway(&[("V1.2__a.sql", ""), ("V1.10__b.sql", "")], true);
        let set =
            |file| flyway::parse([("V1.2__a.sql", ""), ("V1.10__b.sql", ""), (file, "")]).unwrap();
        let error = decide(&set("V1.9__c.sql"), past.clone()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "plan migration 1.9 (c): a later one, 1.10, is already applied"
        );
        let plan = decide(&set("V1.10.1__c.sql"), past).unwrap();
        assert_eq!(plan.pending[0].version.to_string(), "1.10.1");
    }

    #[test]
    fn a_repeatable_migration_that_is_applied_and_gone_or_half_done_is_refused() {
        let past = [("V1__a.sql", ""), ("R__views.sql", "SELECT 1;")];
        let without = flyway::parse([past[0]]).unwrap();
        let error = decide(&without, of_flyway(&past, true)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "plan past migration R__views: the database has it and the migration set has not"
        );
        let mut failed = of_flyway(&past, false);
        let views = Version::repeatable("views");
        failed.native.get_mut(&views).unwrap().success = false;
        let error = decide(&flyway::parse(past).unwrap(), failed).unwrap_err();
        assert!(matches!(error, PlanError::Dirty { version, .. } if version == views));
    }

    #[test]
    fn a_history_that_is_not_read_is_refused() {
        let goose = goose::parse([("1_m.sql", "-- +goose Up\nSELECT 1;\n")]).unwrap();
        let unread = |table| History {
            unread: [table].into(),
            ..History::default()
        };
        assert_eq!(
            decide(&goose, unread("_sqlx_migrations"))
                .unwrap_err()
                .to_string(),
            "plan migrations laid out for goose: what _sqlx_migrations says in the database cannot be taken over"
        );
        assert_eq!(
            decide(&goose, unread("goose_db_version"))
                .unwrap_err()
                .to_string(),
            "plan migrations laid out for goose: what goose_db_version says in the database cannot be taken over"
        );
        // Of the same name as another tool's, but not that of this layout.
        assert!(decide(&goose, unread("schema_migrations")).is_ok());
        assert!(decide(&set([1]), unread("goose_db_version")).is_ok());
    }

    proptest! {
        #[test]
        fn applied_and_pending_are_the_set_and_every_native_row_gets_a_receipt(
            versions in btree_set(0i64..1000, 0..20),
            applied in 0usize..20,
            receipted in 0i64..1000,
        ) {
            let all = set(versions.iter().copied());
            let past: Vec<i64> = versions.iter().copied().take(applied).collect();
            let history = history(&set(past.iter().copied()), |version| version < receipted);
            let plan = decide(&all, history.clone()).unwrap();
            let pending: Vec<i64> = plan.pending.iter().filter_map(|m| m.version.number()).collect();
            prop_assert_eq!([past.clone(), pending].concat(), versions.into_iter().collect::<Vec<_>>());
            let adopted: Vec<_> = past.into_iter().filter(|version| *version >= receipted).collect();
            prop_assert_eq!(plan.adopted, adopted);
        }

        #[test]
        fn a_gap_in_the_past_is_always_out_of_order(
            versions in btree_set(0i64..1000, 2..20), gap in 0usize..18,
        ) {
            let versions: Vec<_> = versions.into_iter().collect();
            let gap = gap % (versions.len() - 1);
            let past = versions.iter().copied().filter(|version| *version != versions[gap]);
            let plan = decide(&set(versions.clone()), history(&set(past), |_| true));
            let refused = matches!(plan, Err(PlanError::OutOfOrder { version, .. }) if version == versions[gap]);
            prop_assert!(refused);
        }
    }
}
