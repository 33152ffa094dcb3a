//! Every event is written and read back as it was, whatever people type and drivers report.

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;

use super::{sim::Sim, world};
use crate::{
    Digest, Time,
    journal::{Head, Record, Stream},
    names::{DeploymentNumber, EnvironmentName, ReleaseNumber},
    path::*,
    target::InstanceKey,
};

fn text() -> BoxedStrategy<String> {
    prop_oneof![
        Just(String::new()),
        any::<String>(),
        "[a-z \"\\\\\n\u{1F6A2}]{0,12}"
    ]
    .boxed()
}

fn time() -> BoxedStrategy<Time> {
    any::<i64>().prop_map(Time).boxed()
}

fn digest() -> BoxedStrategy<Digest> {
    any::<[u8; 32]>().prop_map(Digest::from_raw).boxed()
}

fn release() -> BoxedStrategy<ReleaseNumber> {
    (1..u32::MAX).prop_map(ReleaseNumber).boxed()
}

fn deployment() -> BoxedStrategy<DeploymentNumber> {
    (1..u32::MAX).prop_map(DeploymentNumber).boxed()
}

fn environment() -> BoxedStrategy<EnvironmentName> {
    "[a-z][a-z0-9]{0,9}"
        .prop_map(|name| name.parse().unwrap())
        .boxed()
}

fn service() -> BoxedStrategy<crate::names::ServiceName> {
    "[a-z]{1,9}".prop_map(|name| name.parse().unwrap()).boxed()
}

fn artifacts() -> BoxedStrategy<BTreeMap<crate::names::ServiceName, BuiltArtifact>> {
    let one = (digest(), text(), any::<bool>(), any::<u64>()).prop_map(
        |(digest, file_name, directory, bytes)| BuiltArtifact {
            digest,
            file_name,
            directory,
            bytes,
        },
    );
    prop::collection::btree_map(service(), one, 0..3).boxed()
}

fn contract() -> BoxedStrategy<Contract> {
    prop_oneof![
        Just(Contract::Expand),
        Just(Contract::Contract),
        Just(Contract::Data),
        Just(Contract::Irreversible),
        Just(Contract::Unknown),
    ]
    .boxed()
}

fn migrations() -> BoxedStrategy<Vec<Migration>> {
    let more = (
        prop::option::of(any::<i64>()),
        [prop::option::of(text()), prop::option::of(text())],
        any::<[bool; 3]>(),
    );
    let one = (any::<i64>(), text(), contract(), more).prop_map(
        |(
            version,
            name,
            contract,
            (after, [after_name, because], [is_derived, reversible, batched]),
        )| {
            Migration {
                version: version.into(),
                name,
                checksum: format!("{version:x}"),
                contract,
                after: after.map(Into::into),
                after_name,
                source: match is_derived {
                    true => ContractSource::Derived,
                    false => ContractSource::Declared,
                },
                because,
                reversible,
                batched,
            }
        },
    );
    prop::collection::vec(one, 0..4).boxed()
}

fn backfill() -> BoxedStrategy<Backfill> {
    let counts = any::<[u32; 3]>();
    let more = (prop::option::of(any::<u32>()), prop::option::of(text()));
    (text(), counts, more)
        .prop_map(
            |(migration, [rows, total, changed], (left, paused))| Backfill {
                database: "main".parse().unwrap(),
                migration,
                rows: rows.into(),
                total: total.into(),
                changed: changed.into(),
                left_ms: left.map(u64::from),
                paused,
            },
        )
        .boxed()
}

fn source() -> BoxedStrategy<Source> {
    (text(), text(), migrations(), digest())
        .prop_map(|(author, subject, set, manifest)| Source {
            author,
            subject,
            manifest,
            migrations: BTreeMap::from([("main".parse().unwrap(), set)]),
            ..world::source(7, &world::manifest(), &[])
        })
        .boxed()
}

/// The plans that the world's manifest makes, with other texts, times and reasons in them.
fn plan() -> BoxedStrategy<Plan> {
    let ratio = 0.0..1.0f64;
    (
        text(),
        0..u64::from(u32::MAX),
        ratio,
        0..3usize,
        environment(),
    )
        .prop_map(|(text, millis, max, place, home)| {
            let mut sim = Sim::new();
            sim.manifest.freezes = vec![world::freeze()];
            sim.manifest.environments[1].mirrors = Some(world::env(world::PRODUCTION));
            sim.manifest.environments[2].parity = Some(crate::manifest::ParityRule { min: 95 });
            let place = &mut sim.manifest.environments[place];
            let name = place.name.to_string();
            if let Some(watch) = &mut place.watch {
                watch.probes[0].check = crate::manifest::ProbeCheck::ErrorRatio {
                    service: "web".parse().unwrap(),
                    max,
                };
            }
            place.keep_warm = Duration::from_millis(millis);
            let release = sim.cut(&[world::migration(1, Contract::Data)]);
            let mut plan = sim.plan(&name, release);
            let undone = Undone {
                version: 7.into(),
                name: text.clone(),
                loses: text.clone(),
            };
            plan.steps[0].action = Action::Undo(Reversal {
                database: "main".parse().unwrap(),
                home: home.clone(),
                migrations: vec![undone],
            });
            plan.policy.going_back.undo = crate::manifest::UndoRule::Automatic;
            plan.policy.going_back.no_return = crate::manifest::NoReturnRule::Ask;
            plan.policy.going_back.keep_safe_back = Some(3);
            plan.policy.going_back.proven = true;
            plan.steps[0].id = text;
            plan.launch.databases.insert("other".parse().unwrap(), home);
            plan
        })
        .boxed()
}

fn trigger() -> BoxedStrategy<Trigger> {
    prop_oneof![
        Just(Trigger::Person),
        text().prop_map(|branch| Trigger::Push { branch }),
        environment().prop_map(|from| Trigger::Promotion { from }),
        deployment().prop_map(|of| Trigger::Undo { of }),
        (release(), prop::option::of(deployment()))
            .prop_map(|(of, after)| Trigger::Rehearsal { of, after }),
    ]
    .boxed()
}

fn gates() -> BoxedStrategy<Vec<GateReport>> {
    let answer =
        prop_oneof![
            text().prop_map(|note| Answer::Pass { note }),
            (text(), text(), prop::option::of(time()))
                .prop_map(|(reason, who, until)| Answer::Wait { reason, who, until }),
            (text(), text()).prop_map(|(reason, way_out)| Answer::Refuse { reason, way_out }),
        ];
    let gate = prop_oneof![
        Just(Gate::Verified),
        Just(Gate::NotVetoed),
        Just(Gate::Schema),
        Just(Gate::NotLocked),
        Just(Gate::NotFrozen),
        Just(Gate::NotHeld),
        Just(Gate::SignedOff),
        Just(Gate::Parity),
        Just(Gate::PointOfNoReturn),
        Just(Gate::SafeBack),
        Just(Gate::SharedDatabase),
        Just(Gate::RollbackProven),
    ];
    let report = (gate, answer).prop_map(|(gate, answer)| GateReport { gate, answer });
    prop::collection::vec(report, 0..3).boxed()
}

/// An address with a port; the other fields of an IPv6 socket are nobody's address.
fn address() -> BoxedStrategy<std::net::SocketAddr> {
    any::<(std::net::IpAddr, u16)>()
        .prop_map(Into::into)
        .boxed()
}

fn receipt() -> BoxedStrategy<Receipt> {
    prop_oneof![
        Just(Receipt::Nothing),
        artifacts().prop_map(|artifacts| Receipt::Built { artifacts }),
        (environment(), migrations(), any::<u32>(), text()).prop_map(
            |(home, applied, fresh, schema)| Receipt::Migrated {
                database: "main".parse().unwrap(),
                home,
                applied,
                fresh,
                schema,
            }
        ),
        digest().prop_map(|config| Receipt::Configured { config }),
        (service(), environment(), release()).prop_map(|(service, environment, release)| {
            let key = InstanceKey::new(&environment, &service, release, "d1", 1);
            Receipt::Started {
                service,
                instances: vec![key],
            }
        }),
        prop::collection::btree_map(service(), address(), 0..3)
            .prop_map(|addresses| Receipt::Switched { addresses }),
        digest().prop_map(|output| Receipt::Tested { output }),
    ]
    .boxed()
}

fn outcome() -> BoxedStrategy<Outcome> {
    prop_oneof![
        (text(), receipt()).prop_map(|(detail, receipt)| Outcome::Passed { detail, receipt }),
        text().prop_map(|finding| Outcome::Failed { finding }),
        (text(), any::<bool>())
            .prop_map(|(cause, transient)| Outcome::Errored { cause, transient }),
        text().prop_map(|why| Outcome::Inconclusive { why }),
    ]
    .boxed()
}

fn evidence() -> BoxedStrategy<Evidence> {
    prop::collection::btree_map(text(), digest(), 0..3)
        .prop_map(Evidence)
        .boxed()
}

fn end() -> BoxedStrategy<End> {
    prop_oneof![
        Just(End::Settled),
        Just(End::RolledBack),
        Just(End::Failed),
        Just(End::Errored),
        Just(End::Cancelled),
        Just(End::Superseded),
        Just(End::Refused),
        Just(End::UndoFailed),
    ]
    .boxed()
}

fn undo() -> BoxedStrategy<Undo> {
    prop_oneof![
        Just(Undo::Discard),
        (deployment(), release()).prop_map(|(deployment, to)| Undo::Rollback { deployment, to }),
    ]
    .boxed()
}

fn rehearsal() -> BoxedStrategy<Rehearsal> {
    (
        environment(),
        prop::option::of(release()),
        prop::collection::vec(deployment(), 0..3),
        text(),
        any::<bool>(),
        prop::option::of(text()),
    )
        .prop_map(
            |(environment, to, deployments, schema, on_clone, finding)| Rehearsal {
                environment,
                to,
                deployments,
                schemas: BTreeMap::from([("main".parse().unwrap(), schema.clone())]),
                seen: BTreeMap::from([(
                    "main".parse().unwrap(),
                    BTreeMap::from([(Digest::of_bytes(b"applied"), schema)]),
                )]),
                on_clone,
                at: None,
                finding,
            },
        )
        .boxed()
}

/// What happens to a project, a release or an environment.
fn elsewhere() -> BoxedStrategy<Event> {
    prop_oneof![
        (text(), prop::option::of(text().prop_map(Commit)))
            .prop_map(|(branch, commit)| Event::BranchMoved { branch, commit }),
        source().prop_map(|source| Event::ReleaseCut {
            source: Box::new(source)
        }),
        artifacts().prop_map(|artifacts| Event::ReleaseBuilt { artifacts }),
        text().prop_map(|cause| Event::ReleaseBuildFailed { cause }),
        text().prop_map(|reason| Event::ReleaseVetoed { reason }),
        rehearsal().prop_map(|rehearsal| Event::RollbackProven { rehearsal }),
        (release(), environment(), text()).prop_map(|(release, home, name)| {
            let copy = ClonedDatabase { home, name };
            let databases = BTreeMap::from([("main".parse().unwrap(), copy)]);
            Event::EnvironmentCloned {
                release,
                databases,
                idle: world::seconds(60),
            }
        }),
        Just(Event::CloneRemoved),
        rehearsal().prop_map(|rehearsal| Event::RehearsalFailed { rehearsal }),
        (text(), time()).prop_map(|(reason, until)| Event::Locked { reason, until }),
        Just(Event::Unlocked),
        text().prop_map(|reason| Event::Held { reason }),
        Just(Event::HoldReleased),
        migrations().prop_map(|applied| Event::SchemaSeen {
            database: "main".parse().unwrap(),
            applied,
        }),
        (prop::option::of(text()), prop::option::of(drift())).prop_map(|(schema, drift)| {
            Event::SchemaLookedAt {
                database: "main".parse().unwrap(),
                look: Look { schema, drift },
            }
        }),
        text().prop_map(|reason| Event::SchemaWork {
            database: "main".parse().unwrap(),
            work: SchemaWork::Restore,
            reason,
        }),
        (text(), prop::collection::vec(text(), 0..3), text())
            .prop_map(|(by, keys, reason)| Event::SecretsRead { by, keys, reason }),
        (text(), prop::collection::vec(text(), 0..3), text())
            .prop_map(|(by, keys, reason)| Event::SecretsWritten { by, keys, reason }),
    ]
    .boxed()
}

fn drift() -> impl Strategy<Value = Drift> {
    prop_oneof![
        Just(Drift::Same),
        (prop::collection::vec(text(), 0..3), any::<u32>())
            .prop_map(|(lines, more)| Drift::Differs { lines, more }),
        text().prop_map(|migration| Drift::Unfinished { migration }),
        (text(), text()).prop_map(|(why, help)| Drift::Unknown { why, help }),
    ]
}

/// What happens to a deployment.
fn of_deployment() -> BoxedStrategy<Event> {
    let steps = prop_oneof![
        (plan(), trigger()).prop_map(|(plan, trigger)| Event::Requested {
            plan: Box::new(plan),
            trigger
        }),
        gates().prop_map(|gates| Event::Admitted { gates }),
        gates().prop_map(|gates| Event::Refused { gates }),
        (text(), any::<u32>(), text(), time()).prop_map(|(step, attempt, key, deadline)| {
            Event::AttemptStarted {
                step,
                attempt,
                key,
                deadline,
            }
        }),
        (text(), outcome(), prop::option::of(time())).prop_map(|(key, outcome, retry_at)| {
            Event::AttemptEnded {
                key,
                outcome,
                retry_at,
            }
        }),
        (text(), any::<u32>(), any::<u32>(), text()).prop_map(|(key, probe, failures, finding)| {
            Event::ProbeAnswered {
                key,
                probe,
                failures,
                finding,
            }
        }),
        (text(), backfill()).prop_map(|(key, backfill)| Event::BackfillAdvanced { key, backfill }),
    ];
    let people = prop_oneof![
        (text(), evidence(), time()).prop_map(|(name, evidence, until)| Event::SignOffRequested {
            name,
            evidence,
            until
        }),
        (text(), digest(), prop::option::of(text())).prop_map(|(name, evidence, comment)| {
            Event::Signed {
                name,
                evidence,
                comment,
            }
        }),
        (text(), text()).prop_map(|(name, reason)| Event::Rejected { name, reason }),
        (text(), prop::collection::vec(text(), 0..3))
            .prop_map(|(name, changed)| Event::SignOffVoided { name, changed }),
        (text(), any::<i64>(), environment()).prop_map(|(reason, version, home)| {
            Event::NoReturnAccepted {
                migrations: vec![Crossed {
                    database: "main".parse().unwrap(),
                    home,
                    version: version.into(),
                    name: reason.clone(),
                }],
                reason,
            }
        }),
        (text(), prop::option::of(deployment())).prop_map(|(reason, in_favour_of)| {
            Event::CancelRequested {
                reason,
                in_favour_of,
            }
        }),
        (text(), undo()).prop_map(|(because, how)| Event::Undoing { because, how }),
        text().prop_map(|from| Event::Retried { from }),
        (end(), text()).prop_map(|(end, why)| Event::Ended { end, why }),
    ];
    prop_oneof![steps, people].boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_event_reads_back_what_was_written(
        event in prop_oneof![1 => elsewhere(), 2 => of_deployment()],
        at in time(),
        who in text(),
    ) {
        let actor = Actor::Person { email: who, groups: vec!["not written".into()] };
        let draft = event.clone().draft(Stream::Project, &actor, at);
        let record = Record::chain(draft, 1, Head::EMPTY);
        let written = serde_json::to_string(&record).unwrap();
        let read: Record = serde_json::from_str(&written).unwrap();
        prop_assert_eq!(&read, &record);
        prop_assert_eq!(read.verify(1, Head::EMPTY), Ok(()));
        prop_assert_eq!(Event::of(&read), Ok(event));
    }

    /// A fact is never refused, in whatever order facts come: a journal is read to its end.
    #[test]
    fn no_fact_is_too_odd_to_be_applied(
        facts in prop::collection::vec((0..4u32, of_deployment(), time()), 0..12),
    ) {
        let mut state = State::default();
        for (number, event, at) in facts {
            let stream = Stream::Deployment(DeploymentNumber(number));
            evolve(&mut state, &Fact { stream, at, actor: "dana@acme.test".into(), event });
            let _ = next(&state, DeploymentNumber(number), at);
            state.prune();
        }
    }
}

#[test]
fn a_record_of_an_unknown_kind_is_named() {
    let draft = Event::Unlocked.draft(Stream::Project, &Actor::Towpath, Time(0));
    let mut record = Record::chain(draft, 9, Head::EMPTY);
    record.kind = "from-the-future".into();
    let unreadable = Event::of(&record).unwrap_err();
    assert_eq!(
        (unreadable.seq, unreadable.kind.as_str()),
        (9, "from-the-future")
    );
}
