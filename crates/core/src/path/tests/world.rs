//! A project to play in: three environments, one service, one database, five people.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    Digest, Time,
    manifest::{
        Allow, BranchPattern, CommandCheck, Database, DatabaseEngine, Environment, Freeze,
        FreezeWindow, GoingBack, Group, HealthCheck, HttpCheck, Manifest, OnFailure, Probe,
        ProbeCheck, Role, Service, SignOffRule, Watch,
    },
    names::{EnvironmentName, RoleName},
    path::{Actor, Commit, Contract, ContractSource, Migration, Source},
};

/// Friday 2026-11-20, noon in UTC.
pub const NOON: Time = Time(1_795_176_000_000);

pub const DEVELOPMENT: &str = "development";
pub const STAGING: &str = "staging";
pub const PRODUCTION: &str = "production";

pub fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// An instant as RFC 3339 writes it.
pub fn at(text: &str) -> Time {
    let timestamp: jiff::Timestamp = text.parse().unwrap();
    Time(timestamp.as_millisecond())
}

pub fn env(name: &str) -> EnvironmentName {
    name.parse().unwrap()
}

pub fn role(name: &str) -> RoleName {
    name.parse().unwrap()
}

/// A developer: deploys to development and staging.
pub fn dana() -> Actor {
    Actor::person("dana@acme.test")
}

/// Signs as `qa`.
pub fn quinn() -> Actor {
    Actor::person("quinn@acme.test")
}

/// Signs as `leader`.
pub fn lee() -> Actor {
    Actor::person("lee@acme.test")
}

/// Both `qa` and `leader`.
pub fn max() -> Actor {
    Actor::person("max@acme.test")
}

/// An operator: production.
pub fn olga() -> Actor {
    Actor::person("olga@acme.test")
}

/// Nobody in particular.
pub fn mallory() -> Actor {
    Actor::person("mallory@acme.test")
}

/// Towpath itself.
pub fn towpath() -> Actor {
    Actor::Towpath
}

fn members(emails: &[&str]) -> Role {
    Role {
        members: emails.iter().map(|&e| e.to_owned()).collect(),
        idp_groups: Vec::new(),
    }
}

fn plain(name: &str, branch: &str, used_by: &[&str]) -> Environment {
    Environment {
        secrets: None,
        recipients: Vec::new(),
        overrides: None,
        service_config: BTreeMap::new(),
        name: env(name),
        description: None,
        purpose: None,
        url: None,
        audience: Vec::new(),
        aliases: Vec::new(),
        group: None,
        branch: Some(BranchPattern(branch.to_owned())),
        after: Vec::new(),
        mirrors: None,
        parity: None,
        accept: Vec::new(),
        by_hand: Vec::new(),
        used_by: used_by.iter().map(|&r| role(r)).collect(),
        allow: Allow::default(),
        test: Vec::new(),
        smoke: Vec::new(),
        sign_off: Vec::new(),
        watch: None,
        on_failure: OnFailure::Hold,
        keep_warm: seconds(600),
        going_back: GoingBack::default(),
        no_drift: false,
        config: BTreeMap::new(),
        listen: BTreeMap::new(),
        databases: BTreeMap::new(),
        resources: BTreeMap::new(),
    }
}

fn signature(name: &str, by: &str) -> SignOffRule {
    SignOffRule {
        name: name.into(),
        role: role(by),
        within: seconds(3 * 24 * 3600),
    }
}

fn get(path: &str) -> HttpCheck {
    HttpCheck {
        get: path.into(),
        service: "web".parse().unwrap(),
        expect: 200,
        contains: None,
        within: seconds(5),
    }
}

fn staging() -> Environment {
    Environment {
        test: vec![CommandCheck {
            run: "./scripts/integration.sh".into(),
            within: seconds(300),
        }],
        sign_off: vec![signature("qa", "qa"), signature("acceptance", "leader")],
        ..plain(STAGING, "develop", &["developer", "qa", "leader"])
    }
}

fn production() -> Environment {
    let probe = Probe {
        check: ProbeCheck::Http(get("/")),
        every: seconds(5),
        max_failures: 3,
    };
    Environment {
        after: vec![env(STAGING)],
        smoke: vec![get("/healthz")],
        watch: Some(Watch {
            window: seconds(600),
            probes: vec![probe],
        }),
        on_failure: OnFailure::Rollback,
        ..plain(PRODUCTION, "main", &["operator"])
    }
}

/// The project's manifest: its steps are few, and every phase has one somewhere.
pub fn manifest() -> Manifest {
    let service = Service {
        build: Some("cargo build".into()),
        artifact: Some("target/web".into()),
        start: "./web".into(),
        health: HealthCheck {
            path: Some("/healthz".into()),
            within: seconds(20),
        },
        instances: 1,
        stop_within: seconds(10),
    };
    let database = Database {
        engine: DatabaseEngine::Sqlite,
        layout: crate::manifest::MigrationLayout::Sqlx,
        tool: None,
        migrations: Some("migrations".into()),
        url: "DATABASE_URL".into(),
        snapshot: true,
        keep_snapshots: 10,
        lock_timeout: seconds(3),
        statement_timeout: seconds(900),
        seed: None,
        seed_within: seconds(600),
    };
    let group = Group {
        config: BTreeMap::new(),
        description: None,
        aliases: Vec::new(),
        homes: Default::default(),
    };
    Manifest {
        config: BTreeMap::new(),
        recipients: BTreeMap::new(),
        project: "guestbook".parse().unwrap(),
        description: None,
        cache: Vec::new(),
        build_within: seconds(900),
        groups: BTreeMap::from([("development".parse().unwrap(), group)]),
        roles: BTreeMap::from([
            (role("developer"), members(&["dana@acme.test"])),
            (role("qa"), members(&["quinn@acme.test", "max@acme.test"])),
            (role("leader"), members(&["lee@acme.test", "max@acme.test"])),
            (role("operator"), members(&["olga@acme.test"])),
        ]),
        services: BTreeMap::from([("web".parse().unwrap(), service)]),
        databases: BTreeMap::from([("main".parse().unwrap(), database)]),
        environments: vec![
            plain(DEVELOPMENT, "feature/*", &["developer"]),
            staging(),
            production(),
        ],
        freezes: Vec::new(),
    }
}

/// An environment of a manifest, to be changed before a release is cut.
pub fn environment<'a>(manifest: &'a mut Manifest, name: &str) -> &'a mut Environment {
    let found = manifest
        .environments
        .iter_mut()
        .find(|e| e.name.as_str() == name);
    found.unwrap()
}

/// Nothing is deployed to production from 2026-11-20 18:00 UTC for two days.
pub fn freeze() -> Freeze {
    Freeze {
        name: "weekend".into(),
        reason: Some("nobody is there".into()),
        environments: vec![env(PRODUCTION)],
        zone: "UTC".into(),
        window: FreezeWindow::Once {
            from: "2026-11-20T18:00".parse().unwrap(),
            until: "2026-11-22T18:00".parse().unwrap(),
        },
    }
}

/// The `version`th migration.
pub fn migration(version: i64, contract: Contract) -> Migration {
    Migration {
        version: version.into(),
        name: format!("change {version}"),
        checksum: format!("{version:064x}"),
        contract,
        after: None,
        after_name: None,
        source: ContractSource::Declared,
        because: None,
        reversible: false,
        batched: false,
    }
}

/// A source with these migrations; `n` tells it from others.
pub fn source(n: u32, manifest: &Manifest, migrations: &[Migration]) -> Source {
    Source {
        commit: Commit(format!("{n:040x}")),
        tree: format!("{n:040x}"),
        author: "dana@acme.test".into(),
        subject: format!("change {n}"),
        parents: Vec::new(),
        manifest: Digest::of_value(manifest),
        migrations: BTreeMap::from([("main".parse().unwrap(), migrations.to_vec())]),
        secrets: crate::catalogue::SecretKeys::default(),
        built_services: vec!["web".parse().unwrap()],
    }
}
