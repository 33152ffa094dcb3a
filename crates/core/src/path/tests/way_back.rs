//! The planner of ways back, against an oracle that tries every end of what is applied, and case by case.

use proptest::prelude::*;

use super::world::{env, migration};
use crate::{
    MigrationVersion,
    names::{EnvironmentName, ReleaseNumber},
    path::*,
};

/// A history: what is applied, what the release to return to knows, and what others know.
#[derive(Debug, Clone)]
struct Case {
    applied: Vec<Migration>,
    target: Vec<Migration>,
    others: Vec<Vec<Migration>>,
}

fn one(version: i64) -> impl Strategy<Value = Migration> {
    let contract = prop_oneof![
        4 => Just(Contract::Expand),
        1 => Just(Contract::Data),
        4 => Just(Contract::Contract),
        1 => Just(Contract::Irreversible),
        1 => Just(Contract::Unknown),
    ];
    let after = prop::option::weighted(0.3, 0..9_i64);
    (contract, after, prop::bool::weighted(0.8)).prop_map(move |(contract, after, reversible)| {
        Migration {
            after: after.map(Into::into),
            reversible,
            ..migration(version, contract)
        }
    })
}

/// A release: the beginning of what is applied, mostly; now and then any of it, or also what nobody applied.
fn release(applied: Vec<Migration>) -> impl Strategy<Value = Vec<Migration>> {
    let beginning = applied.clone();
    let any = applied.clone();
    let unapplied = applied.clone();
    let most = applied.len();
    prop_oneof![
        6 => (0..=most).prop_map(move |many| beginning[..many].to_vec()),
        2 => prop::sample::subsequence(any, 0..=most),
        1 => (0..=most, one(50)).prop_map(move |(many, more)| {
            let mut all = unapplied[..many].to_vec();
            all.push(more);
            all
        }),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let applied = (0..8_i64).prop_flat_map(|many| (1..=many).map(one).collect::<Vec<_>>());
    applied.prop_flat_map(|applied| {
        let others = prop::collection::vec(release(applied.clone()), 0..3);
        (Just(applied.clone()), release(applied), others).prop_map(|(applied, target, others)| {
            Case {
                applied,
                target,
                others,
            }
        })
    })
}

/// The rule, once more and in its plainest words: neither `runs_on` nor anything that it uses.
fn can_run(release: &[Migration], applied: &[Migration]) -> bool {
    let knows = |version: &MigrationVersion| release.iter().any(|known| known.version == *version);
    let is_there =
        |version: &MigrationVersion| applied.iter().any(|there| there.version == *version);
    let harmless = |there: &Migration| {
        knows(&there.version)
            || matches!(there.contract, Contract::Expand | Contract::Data)
            || there.after.as_ref().is_some_and(knows)
    };
    applied.iter().all(harmless) && release.iter().all(|known| is_there(&known.version))
}

/// How many of the last migrations have to be undone: the fewest that safely can, of every number that there is.
fn fewest(case: &Case) -> Option<usize> {
    let Case {
        applied,
        target,
        others,
    } = case;
    (0..=applied.len()).find(|many| {
        let (left, undone) = applied.split_at(applied.len() - many);
        let can_be_undone =
            |one: &Migration| one.reversible && one.contract != Contract::Irreversible;
        let is_needed = |one: &Migration| {
            let knows = |release: &Vec<Migration>| release.iter().any(|k| k.version == one.version);
            knows(target) || others.iter().any(knows)
        };
        can_run(target, left)
            && undone
                .iter()
                .all(|one| can_be_undone(one) && !is_needed(one))
    })
}

fn planned(case: &Case, names: &[EnvironmentName]) -> WayBack {
    let tenants: Vec<Tenant<'_>> = case
        .others
        .iter()
        .zip(names)
        .map(|(known, environment)| Tenant {
            environment,
            release: ReleaseNumber(9),
            known,
        })
        .collect();
    way_back(&case.target, &case.applied, &tenants)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_way_is_safe_the_shortest_and_found_where_there_is_one(case in case()) {
        let names = [env("one"), env("two"), env("three")];
        let expected = fewest(&case);
        match planned(&case, &names) {
            WayBack::CodeOnly => prop_assert_eq!(expected, Some(0)),
            WayBack::Undo { migrations } => {
                prop_assert_eq!(expected, Some(migrations.len()));
                let left = case.applied.len() - migrations.len();
                let newest_first: Vec<_> = case.applied[left..].iter().rev().cloned().collect();
                prop_assert_eq!(migrations, newest_first);
            }
            WayBack::Refused(refused) => {
                prop_assert_eq!(expected, None, "{} could be avoided", refused);
                let title = refused.migration.title();
                prop_assert!(refused.to_string().contains(&title));
                prop_assert!(refused.way_out().contains(&title));
                prop_assert!(!refused.at_stake().is_empty());
            }
        }
    }
}

/// Migrations 1 and up: `e`xpand, `c`ontract, `i`rreversible, `u`nknown; a capital has no down-migration.
fn history(letters: &str) -> Vec<Migration> {
    (1..)
        .zip(letters.chars())
        .map(|(version, letter)| {
            let contract = match letter.to_ascii_lowercase() {
                'e' => Contract::Expand,
                'c' => Contract::Contract,
                'i' => Contract::Irreversible,
                _ => Contract::Unknown,
            };
            Migration {
                reversible: letter.is_ascii_lowercase(),
                ..migration(version, contract)
            }
        })
        .collect()
}

/// What a release that knows the first `known` of a history is told.
fn told(letters: &str, known: usize) -> String {
    let applied = history(letters);
    match way_back(&applied[..known], &applied, &[]) {
        WayBack::CodeOnly => "code".into(),
        WayBack::Undo { migrations } => {
            let versions = migrations.iter().map(|one| one.version.to_string());
            format!("undo {}", versions.collect::<Vec<_>>().join(" "))
        }
        WayBack::Refused(refused) => refused.to_string(),
    }
}

#[test]
fn code_alone_is_enough_where_the_release_runs_on_what_is_there() {
    assert_eq!(told("", 0), "code");
    assert_eq!(told("cee", 1), "code");
    assert_eq!(told("EEE", 0), "code");
}

#[test]
fn what_breaks_it_is_undone_with_all_that_came_later() {
    assert_eq!(told("ec", 1), "undo 2");
    assert_eq!(told("ecee", 1), "undo 4 3 2");
    assert_eq!(told("eeceue", 1), "undo 6 5 4 3");
}

#[test]
fn what_cannot_be_undone_is_named() {
    assert_eq!(
        told("eC", 1),
        "migration 2 (change 2) cannot be undone: no down-migration was stored with it (declared contract); done by hand, what was written since in the new shape is kept only as far as what undoes it keeps it"
    );
    assert_eq!(
        told("eci", 1),
        "migration 3 (change 3) cannot be undone: declared irreversible; what it removed cannot be brought back"
    );
    // It breaks nobody, and is in the way all the same.
    assert_eq!(
        told("ecE", 1),
        "migration 3 (change 3) cannot be undone: no down-migration was stored with it (declared expand); done by hand, what was written since to what it added is lost"
    );
}

#[test]
fn nothing_that_somebody_needs_is_taken_away() {
    let applied = history("ecc");
    let (staging, development) = (env("staging"), env("development"));
    let tenant = |environment, known| Tenant {
        environment,
        release: ReleaseNumber(3),
        known: &applied[..known],
    };
    let old = &applied[..1];
    let tenants = [tenant(&staging, 1), tenant(&development, 2)];
    let WayBack::Refused(refused) = way_back(old, &applied, &tenants) else {
        panic!("development needs migration 2");
    };
    assert_eq!(
        refused.to_string(),
        "migration 2 (change 2) cannot be undone: v3, live in development, needs it"
    );
    assert!(
        refused
            .way_out()
            .starts_with("return development from v3 first")
    );

    let odd = [applied[0].clone(), applied[2].clone()];
    let WayBack::Refused(refused) = way_back(&odd, &applied, &[]) else {
        panic!("it needs migration 3");
    };
    assert_eq!(
        refused.to_string(),
        "migration 2 (change 2) breaks it (declared contract), and migration 3 (change 3), which it needs, came later"
    );
}

#[test]
fn nothing_is_brought_back_by_undoing() {
    let WayBack::Refused(refused) = way_back(&history("ee"), &history("e"), &[]) else {
        panic!("migration 2 is not applied");
    };
    assert_eq!(refused.why, Stuck::NotApplied);
    assert_eq!(
        refused.way_out(),
        "deploy the release instead: that applies migration 2 (change 2)"
    );
}

#[test]
fn code_that_no_longer_needs_the_old_shape_keeps_running() {
    let mut applied = history("eec");
    applied[2].after = Some(2.into());
    assert_eq!(way_back(&applied[..2], &applied, &[]), WayBack::CodeOnly);
    assert!(!way_back(&applied[..1], &applied, &[]).is_code_only());
}

/// A repeatable migration of this text.
fn repeatable(text: &str, contract: Contract) -> Migration {
    Migration {
        version: MigrationVersion::new("R__views"),
        name: "views".into(),
        checksum: text.into(),
        ..migration(0, contract)
    }
}

#[test]
fn a_repeatable_migration_counts_by_its_text() {
    let base = migration(1, Contract::Expand);
    let gone = Migration {
        reversible: true,
        ..migration(2, Contract::Contract)
    };
    let target = [base.clone(), repeatable("one", Contract::Contract)];
    let way = |applied: &[Migration]| way_back(&target, applied, &[]);

    // The release's own is none of what has to be undone, though it stands after all versions.
    let own = [
        base.clone(),
        gone.clone(),
        repeatable("one", Contract::Contract),
    ];
    let undo = WayBack::Undo {
        migrations: vec![gone.clone()],
    };
    assert_eq!(way(&own), undo);

    assert!(way(&[base.clone(), repeatable("two", Contract::Expand)]).is_code_only());
    let other = repeatable("two", Contract::Unknown);
    let WayBack::Refused(refused) = way(&[base.clone(), other.clone()]) else {
        panic!("nothing undoes it");
    };
    assert_eq!(refused.migration, other);
    assert_eq!(
        refused.to_string(),
        "migration R__views cannot be undone: it is repeatable, and is there as another text (nothing says what it does)"
    );
    assert!(refused.way_out().starts_with("go forward"));

    // What was made for the newer schema is not left over the older one.
    let harmless = repeatable("two", Contract::Expand);
    let WayBack::Refused(refused) = way(&[base, gone, harmless]) else {
        panic!("nothing undoes it");
    };
    assert_eq!(refused.why, Stuck::Repeatable);
}

#[test]
fn a_repeatable_migration_is_pending_again_unless_the_database_is_ahead() {
    let base = migration(1, Contract::Expand);
    let more = migration(2, Contract::Expand);
    let (one, two) = (
        repeatable("one", Contract::Expand),
        repeatable("two", Contract::Expand),
    );
    let left = |applied: &[Migration], own: &[Migration]| -> Vec<Migration> {
        pending(applied, own).cloned().collect()
    };
    let own = [base.clone(), one.clone()];
    assert_eq!(
        left(std::slice::from_ref(&base), &own),
        std::slice::from_ref(&one)
    );
    assert!(left(&own, &own).is_empty());
    let there = [base.clone(), two.clone()];
    assert_eq!(left(&there, &own), std::slice::from_ref(&one));
    assert!(left(&[base, more, two], &own).is_empty());
}
