//! What statements do to running code, as tables: a statement, its effects, and what the manual says.

mod hostile;
mod mysql;
mod names;
mod postgres;
mod postgres_lints;
mod postgres_objects;
mod sqlite;

use towpath_migrate::{
    ContractKind,
    classify::{ClassifiedStatement, Dialect, Effect, classify},
};

/// A script, the effects of its last statement in the order of [`Effect`], and why.
type Case = (&'static str, &'static str, &'static str);

fn check(dialect: Dialect, cases: &[Case]) {
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(sql, expected, why)| {
            let read = classify(sql, dialect);
            let last = read.statements.last().unwrap();
            let effects = effects(last);
            (effects != *expected).then(|| {
                format!(
                    "{sql}\n  expected {expected}: {why}\n  got {effects}: {:#?}",
                    last.findings
                )
            })
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {}\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n\n")
    );
}

fn effects(statement: &ClassifiedStatement) -> String {
    let mut effects: Vec<Effect> = statement
        .findings
        .iter()
        .map(|finding| finding.effect)
        .collect();
    effects.sort_unstable();
    effects.dedup();
    // To only add is what is left when nothing worse is said.
    if effects
        .iter()
        .any(|effect| !matches!(effect, Effect::Expand | Effect::Blocking))
    {
        effects.retain(|effect| *effect != Effect::Expand);
    }
    effects
        .into_iter()
        .map(Effect::as_str)
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn a_statement_has_its_line_its_beginning_and_its_reasons() {
    let sql = "-- first\nSELECT 1;\n\n/* ; */ ALTER TABLE guests\n    ADD COLUMN email text NOT NULL, ADD COLUMN a_name_that_is_rather_long text;";
    let read = classify(sql, Dialect::Postgres);
    assert_eq!(read.statements.len(), 2);
    let last = &read.statements[1];
    assert_eq!(last.line, 4);
    assert_eq!(
        last.beginning,
        "ALTER TABLE guests ADD COLUMN email text NOT NULL, ADD COLUM…"
    );
    assert_eq!(
        last.findings[0].reason,
        "old code that inserts without `email` is refused"
    );
    assert!(
        last.findings[0]
            .remedy
            .as_ref()
            .unwrap()
            .contains("constant default")
    );
}

#[test]
fn the_worst_statement_makes_the_migration() {
    let kind = |sql: &str| classify(sql, Dialect::Postgres).kind();
    assert_eq!(kind(""), ContractKind::Expand);
    assert_eq!(kind("-- nothing"), ContractKind::Expand);
    assert_eq!(kind("CREATE TABLE a (x int);"), ContractKind::Expand);
    assert_eq!(
        kind("CREATE TABLE a (x int); INSERT INTO b VALUES (1);"),
        ContractKind::Data
    );
    assert_eq!(
        kind("INSERT INTO b VALUES (1); ALTER TABLE b RENAME TO c;"),
        ContractKind::Contract
    );
    assert_eq!(
        kind("DROP TABLE b; ALTER TABLE c RENAME TO d;"),
        ContractKind::Irreversible
    );
    assert_eq!(kind("DROP TABLE b; FROBNICATE;"), ContractKind::Unknown);
}

#[test]
fn a_proposal_says_because_of_what() {
    let read = classify(
        "CREATE TABLE a (x int); ALTER TABLE b RENAME TO c;",
        Dialect::Postgres,
    );
    let proposal = read.proposal();
    assert_eq!(proposal.kind, ContractKind::Contract);
    assert_eq!(
        proposal.because.as_deref(),
        Some("old code that uses b is refused")
    );
}

#[test]
fn what_is_not_understood_carries_the_parsers_message() {
    let read = classify(
        "CREATE TABLE a (x int);\nFROBNICATE THE TABLE;",
        Dialect::Postgres,
    );
    assert_eq!(read.statements[1].line, 2);
    assert_eq!(read.kind(), ContractKind::Unknown);
    let reason = &read.statements[1].findings[0].reason;
    assert!(reason.contains("FROBNICATE"), "{reason}");
}
