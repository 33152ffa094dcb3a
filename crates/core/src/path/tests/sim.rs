//! Plays commands against a state and checks, after everything that happens, what must always be so.
//!
//! Beside the state it keeps what a store would: the chained records, a state replayed from them, rows renewed as
//! `Touched` says, and a pruned twin that is given no more than `Command::needs` and a record's stream ask for.

use std::collections::{BTreeMap, BTreeSet};

use super::check::{check, gates_are_open, leaves_nothing, runs_where_it_is, settled};
use crate::{
    Time,
    journal::{Head, Record, Stream},
    manifest::Manifest,
    names::{DeploymentNumber, EnvironmentName, ReleaseNumber},
    path::{
        Actor, Command, Deployment, End, Event, Events, Fact, Look, Outcome, Receipt, Refusal,
        State, Touched, Trigger, decide, evolve, next, return_target,
    },
};

/// A project that is played.
pub struct Sim {
    /// Everything, never pruned.
    pub state: State,
    /// The clock.
    pub now: Time,
    /// What the next release is cut from.
    pub manifest: Manifest,
    /// The journal.
    pub records: Vec<Record>,
    /// Each release's manifest.
    pub manifests: BTreeMap<ReleaseNumber, Manifest>,
    /// The last judgement on a release in an environment.
    pub judged: BTreeMap<(ReleaseNumber, EnvironmentName), End>,
    /// The deployments that have ended, as they ended.
    pub ended: BTreeMap<DeploymentNumber, Deployment>,
    /// What is seen of an environment's databases that are not what their migrations make.
    pub looks: BTreeMap<EnvironmentName, Look>,
    heads: BTreeMap<Stream, Head>,
    keys: BTreeSet<String>,
    replayed: State,
    rows: State,
    twin: State,
    touched: Touched,
}

impl Sim {
    pub fn new() -> Sim {
        Sim {
            state: State::default(),
            now: super::world::NOON,
            manifest: super::world::manifest(),
            records: Vec::new(),
            manifests: BTreeMap::new(),
            judged: BTreeMap::new(),
            ended: BTreeMap::new(),
            looks: BTreeMap::new(),
            heads: BTreeMap::new(),
            keys: BTreeSet::new(),
            replayed: State::default(),
            rows: State::default(),
            twin: State::default(),
            touched: Touched::default(),
        }
    }

    /// Decides a command and writes what follows, as a store does: all of it, or nothing.
    pub fn command(&mut self, actor: &Actor, command: Command) -> Result<Events, Refusal> {
        let by = match command {
            Command::Advance { .. } => &Actor::Towpath,
            _ => actor,
        };
        let needs = command.needs();
        for number in needs.releases {
            self.hydrate_release(number);
        }
        for number in needs.deployments {
            self.hydrate_deployment(number);
        }
        if let Some(commit) = needs.commit {
            for release in self.rows.releases.values() {
                if release.source.commit == commit {
                    self.twin.releases.insert(release.number, release.clone());
                }
            }
        }
        let decided = decide(&self.state, by, &command, self.now);
        let pruned = decide(&self.twin, by, &command, self.now);
        assert_eq!(decided, pruned, "pruning changed what {command:?} makes");
        let events = decided?;
        for (stream, event) in &events {
            self.write(by, stream, event);
        }
        self.after();
        Ok(events)
    }

    /// Goes on with whatever follows by itself.
    pub fn advance(&mut self, deployment: DeploymentNumber) -> Events {
        let command = Command::Advance { deployment };
        self.command(&Actor::Towpath, command).unwrap()
    }

    fn write(&mut self, by: &Actor, stream: &Stream, event: &Event) {
        let head = self.heads.get(stream).copied().unwrap_or(Head::EMPTY);
        let seq = self.state.seq + 1;
        let record = Record::chain(event.clone().draft(stream.clone(), by, self.now), seq, head);
        assert_eq!(record.verify(seq, head), Ok(()));
        self.heads.insert(stream.clone(), record.head());

        let fact = Fact {
            stream: stream.clone(),
            at: self.now,
            actor: by.to_string(),
            event: event.clone(),
        };
        self.hydrate(stream);
        let touched = evolve(&mut self.state, &fact);
        assert_eq!(evolve(&mut self.twin, &fact), touched);
        merge(&mut self.touched, touched);

        let text = serde_json::to_string(&record).unwrap();
        let read: Record = serde_json::from_str(&text).unwrap();
        assert_eq!(read, record);
        evolve(&mut self.replayed, &Fact::of(&read).unwrap());
        for state in [&mut self.state, &mut self.twin, &mut self.replayed] {
            state.seq = seq;
        }
        assert_eq!(Event::of(&read).as_ref(), Ok(event));
        assert_eq!(
            self.state, self.replayed,
            "{} reads back otherwise",
            record.kind
        );
        self.observe(stream, event);
        self.records.push(record);
    }

    /// What is only seen while it happens.
    fn observe(&mut self, stream: &Stream, event: &Event) {
        let Stream::Deployment(number) = stream else {
            return;
        };
        if let Event::Retried { .. } = event {
            assert!(
                self.ended.remove(number).is_some(),
                "{number} had not ended"
            );
        }
        let deployment = &self.state.deployments[number];
        if let Some(before) = self.ended.get(number) {
            assert_eq!(before, deployment, "{number} changed after its end");
        }
        let release = &self.state.releases[&deployment.plan.release];
        match event {
            Event::AttemptStarted { key, deadline, .. } => {
                assert!(self.keys.insert(key.clone()), "{key} was used before");
                let discards = deployment.undo.is_some();
                assert!(discards || *deadline >= self.now, "{key} began too late");
                assert!(
                    discards || release.vetoed.is_none(),
                    "{key} of a vetoed release"
                );
                gates_are_open(&self.state, deployment, release, self.now);
            }
            Event::AttemptEnded {
                outcome:
                    Outcome::Passed {
                        receipt: Receipt::Switched { .. },
                        ..
                    },
                ..
            } => runs_where_it_is(&self.state, deployment, release),
            Event::Ended { end, .. } => {
                let place = (release.number, deployment.plan.environment.clone());
                // A rehearsal verifies nothing that was not.
                let rehearses = matches!(deployment.trigger, Trigger::Rehearsal { .. });
                match end {
                    End::Settled if rehearses && self.judged.get(&place) != Some(end) => {}
                    End::Settled | End::Failed | End::RolledBack | End::UndoFailed => {
                        self.judged.insert(place, *end);
                    }
                    End::Errored | End::Cancelled | End::Superseded | End::Refused => {}
                }
                leaves_nothing(deployment);
                if *end == End::Settled {
                    settled(deployment, release);
                }
                self.ended.insert(*number, deployment.clone());
            }
            _ => {}
        }
    }

    /// Checks everything after a transaction, and forgets in the twin what can be forgotten.
    fn after(&mut self) {
        let touched = std::mem::take(&mut self.touched);
        self.renew(&touched);
        check(self);
        self.twin.prune();
        let mut pruned = self.state.clone();
        pruned.prune();
        assert_eq!(self.twin, pruned, "the twin has come to differ");
        for name in self.state.environments.keys() {
            let live = self.state.environments[name].live.as_ref();
            let leaving = live.map(|live| live.release);
            let target = return_target(&self.twin, name, leaving);
            assert_eq!(return_target(&self.state, name, leaving), target);
        }
        for open in self.state.open() {
            let what = next(&self.state, open.number, self.now);
            assert_eq!(what, next(&self.twin, open.number, self.now));
        }
    }

    /// Renews the rows of what was touched, and finds rows that should have been.
    fn renew(&mut self, touched: &Touched) {
        for name in &touched.environments {
            let environment = self.state.environments[name].clone();
            self.rows.environments.insert(name.clone(), environment);
        }
        for number in &touched.releases {
            let release = self.state.releases[number].clone();
            self.rows.releases.insert(*number, release);
        }
        for number in &touched.deployments {
            let deployment = self.state.deployments[number].clone();
            self.rows.deployments.insert(*number, deployment);
        }
        if touched.branches {
            self.rows.branches = self.state.branches.clone();
        }
        self.rows.seq = self.state.seq;
        self.rows.last_release = self.state.last_release;
        self.rows.last_deployment = self.state.last_deployment;
        assert_eq!(self.rows, self.state, "a row was not renewed");
    }

    fn hydrate(&mut self, stream: &Stream) {
        match stream {
            Stream::Release(number) => self.hydrate_release(*number),
            Stream::Deployment(number) => self.hydrate_deployment(*number),
            Stream::Project | Stream::Environment(_) => {}
        }
    }

    fn hydrate_release(&mut self, number: ReleaseNumber) {
        if let Some(release) = self.rows.releases.get(&number) {
            let twin = self.twin.releases.entry(number);
            twin.or_insert_with(|| release.clone());
        }
    }

    fn hydrate_deployment(&mut self, number: DeploymentNumber) {
        if let Some(deployment) = self.rows.deployments.get(&number) {
            let release = deployment.plan.release;
            let twin = self.twin.deployments.entry(number);
            twin.or_insert_with(|| deployment.clone());
            self.hydrate_release(release);
        }
    }

    /// Reads the whole journal from its beginning and finds the same state.
    pub fn replay(&self) {
        let mut state = State::default();
        let mut heads: BTreeMap<Stream, Head> = BTreeMap::new();
        for (record, seq) in self.records.iter().zip(1..) {
            let head = heads.get(&record.stream).copied().unwrap_or(Head::EMPTY);
            assert_eq!(record.verify(seq, head), Ok(()));
            heads.insert(record.stream.clone(), record.head());
            evolve(&mut state, &Fact::of(record).unwrap());
            state.seq = seq;
        }
        assert_eq!(state, self.state);
    }
}

fn merge(all: &mut Touched, more: Touched) {
    all.environments.extend(more.environments);
    all.releases.extend(more.releases);
    all.deployments.extend(more.deployments);
    all.branches |= more.branches;
}
