//! Ports that others take.

use std::{fs, net::TcpListener};

use towpath_core::target::Target;

use super::rig::{Rig, command, key, serve};
use crate::rig::eventually;
use nix::sys::signal::Signal;

/// Starts an instance whose port is taken by this very process before it can listen.
async fn shut_out(rig: &Rig) -> TcpListener {
    // It waits for a file, so that there is time.
    let spec = command(
        1,
        &format!(
            "while [ ! -e ../go ]; do sleep 0.01; done; {}",
            serve(1).command
        ),
    );
    rig.target.start(&spec).await.unwrap();
    let port = rig.address(&spec.key).await.port();
    let thief = TcpListener::bind(("127.0.0.1", port)).unwrap();
    fs::write(rig.directory(&spec.key).join("go"), "").unwrap();
    thief
}

#[tokio::test]
async fn whoever_holds_the_port_is_not_taken_for_the_instance() {
    let rig = Rig::new();
    let thief = shut_out(&rig).await;
    let port = thief.local_addr().unwrap().port();
    let own = std::process::id();
    let why = rig.why(&key(1)).await;
    assert!(
        why.contains(&format!("port {port} is held by another process")),
        "{why}"
    );
    assert!(why.contains(&format!("(pid {own})")), "{why}");
    let restarted = || {
        let output = fs::read_to_string(rig.target.output(&key(1)).unwrap()).unwrap_or_default();
        output
            .contains(&format!("could not listen on {port}: "))
            .then_some(())
    };
    eventually("its own words", restarted).await;
    rig.target.stop(&key(1)).await.unwrap();
}

#[tokio::test]
async fn a_start_tried_again_takes_another_port() {
    let rig = Rig::new();
    let thief = shut_out(&rig).await;
    let taken = thief.local_addr().unwrap();
    rig.target.start(&serve(1)).await.unwrap();
    let address = rig.becomes_healthy(&key(1)).await;
    assert_ne!(address, taken);
    assert_eq!(rig.ports(), 1);
    rig.target.stop(&key(1)).await.unwrap();
    assert_eq!(rig.ports(), 0);
}

#[tokio::test]
async fn an_address_that_others_know_never_changes() {
    let rig = Rig::new();
    let key = rig.start(1).await;
    let address = rig.address(&key).await;
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(Rig::child_of(&rig.run(&key)).unwrap()),
        Signal::SIGKILL,
    )
    .unwrap();
    // In the pause before the restart somebody else takes the port.
    let thief = eventually("the port", || TcpListener::bind(address).ok()).await;
    let why = rig.why(&key).await;
    assert!(why.contains("is held by another process"), "{why}");
    rig.target.start(&serve(1)).await.unwrap();
    assert_eq!(rig.address(&key).await, address);
    drop(thief);
    assert_eq!(rig.becomes_healthy(&key).await, address);
    rig.target.stop(&key).await.unwrap();
}
