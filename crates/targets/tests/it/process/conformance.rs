//! The suite that every driver passes: this one, and the one in memory.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use nix::sys::signal::Signal;
use towpath_core::target::{BoxFuture, InstanceKey};
use towpath_targets::{
    conformance::{Fixture, Program, conformance},
    fake::{FakeTarget, Sickness},
};

use super::rig::{Rig, get};
use crate::rig::{HARNESS, marked, send};

impl Fixture for Rig {
    fn well(&self) -> Program {
        program(&format!("exec {HARNESS} serve"))
    }

    fn sick(&self) -> Program {
        let mut sick = self.well();
        sick.variables.insert("SICK".into(), "yes".into());
        sick
    }

    fn dying(&self) -> Program {
        program("exit 3")
    }

    fn stubborn(&self) -> Program {
        program(&format!(
            "trap '' TERM; setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' & {HARNESS} serve"
        ))
    }

    fn kill<'a>(&'a self, key: &'a InstanceKey) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            send(Rig::child_of(&self.run(key)).unwrap(), Signal::SIGKILL);
        })
    }

    fn processes(&self, key: &InstanceKey) -> usize {
        marked(&self.directory(key)).len()
    }

    fn who(&self, address: SocketAddr) -> BoxFuture<'_, Option<InstanceKey>> {
        Box::pin(async move {
            let name = get(address, "/env/INSTANCE").await?;
            serde_json::from_value(name.into()).ok()
        })
    }
}

fn program(command: &str) -> Program {
    Program {
        command: command.into(),
        variables: BTreeMap::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_conform() {
    let rig = Rig::new();
    conformance(&rig.target, &rig).await;
    rig.target.stop_proxy().await.unwrap();
    assert_eq!(rig.ports(), 0, "every port was given back");
    let left = std::fs::read_dir(rig.root.join("instances"))
        .unwrap()
        .count();
    assert_eq!(left, 0, "every directory is gone");
}

struct InMemory(Arc<FakeTarget>);

impl Fixture for InMemory {
    fn well(&self) -> Program {
        program("well")
    }

    fn sick(&self) -> Program {
        program("sick")
    }

    fn dying(&self) -> Program {
        program("dying")
    }

    fn stubborn(&self) -> Program {
        program("stubborn")
    }

    fn kill<'a>(&'a self, key: &'a InstanceKey) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.0.crash(key) })
    }

    fn processes(&self, key: &InstanceKey) -> usize {
        usize::from(self.0.spec(key).is_some())
    }

    fn who(&self, address: SocketAddr) -> BoxFuture<'_, Option<InstanceKey>> {
        let behind = self.0.behind(address);
        Box::pin(async move { behind.into_iter().next() })
    }
}

#[tokio::test]
async fn the_one_in_memory_conforms() {
    let fake = Arc::new(FakeTarget::new());
    fake.sicken("sick", Sickness::Unhealthy("status 503".into()));
    let exits = Sickness::Exits {
        status: "exit status 3".into(),
        tail: String::new(),
    };
    fake.sicken("dying", exits);
    conformance(&*fake, &InMemory(fake.clone())).await;
}
