//! The proxy under its shim.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use towpath_core::target::{Target, TargetError};
use towpath_targets::process::ProcessTarget;

use super::rig::{Rig, answers, key, route};
use crate::rig::{eventually, launcher, send, soon};

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_proxy_is_back_with_its_routes_although_nobody_looks() {
    let rig = Rig::new();
    let one = rig.start(1).await;
    let listen = rig.route(1, &[&one], 1).await;
    assert_eq!(answers(listen, "/env/INSTANCE").await, one.as_str());
    let proxy = Rig::child_of(&rig.proxy()).unwrap();
    let begun = Instant::now();
    send(proxy, Signal::SIGKILL);
    let again = || Rig::child_of(&rig.proxy()).filter(|now| *now != proxy);
    eventually("another", again).await;
    assert_eq!(answers(listen, "/env/INSTANCE").await, one.as_str());
    eprintln!("the proxy was back after {:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(5));
    // It still knows the fence.
    let late = rig
        .target
        .route(&rig.environment, &[route(1, &[&one])], 0)
        .await;
    assert_eq!(
        late,
        Err(TargetError::Fenced {
            current: 1,
            ours: 0
        })
    );
    rig.target.stop(&one).await.unwrap();
    rig.target.stop_proxy().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_whose_shim_was_killed_is_back_when_it_is_needed() {
    let rig = Rig::new();
    let one = rig.start(1).await;
    let listen = rig.route(1, &[&one], 1).await;
    send(Rig::shim_of(&rig.proxy()), Signal::SIGKILL);
    soon("the end", rig.proxy().ended()).await.unwrap();
    // By another process, which has never heard of it.
    let again = ProcessTarget::new(&rig.root, launcher());
    let traffic = again.traffic(&rig.environment).await.unwrap();
    assert_eq!(
        (traffic[0].listen, &traffic[0].instances),
        (listen, &vec![one.clone()])
    );
    assert_eq!(answers(listen, "/env/INSTANCE").await, one.as_str());
    again.stop_proxy().await.unwrap();
    again.stop_proxy().await.unwrap();
    assert_eq!(
        again.traffic(&rig.environment).await.unwrap()[0].listen,
        listen
    );
    rig.target.stop(&one).await.unwrap();
    again.stop_proxy().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deep_root_is_no_obstacle() {
    let deep = ["a-rather-long-name-of-a-directory"; 6].join("/");
    let rig = Rig::below(&deep);
    assert!(rig.root.as_os_str().len() > 200);
    let one = rig.start(1).await;
    let listen = rig.route(1, &[&one], 1).await;
    assert_eq!(answers(listen, "/env/INSTANCE").await, one.as_str());
    rig.target.stop(&one).await.unwrap();
    rig.target.stop_proxy().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_need_a_proxy_get_the_same_one() {
    let rig = Rig::new();
    let one = rig.start(1).await;
    let routes = [route(1, &[&one])];
    let environment = rig.environment.clone();
    let (a, b, c) = tokio::join!(
        rig.target.route(&environment, &routes, 1),
        rig.target.route(&environment, &routes, 1),
        rig.target.route(&environment, &routes, 1),
    );
    let listen = a.unwrap()[0].listen;
    assert_eq!(
        (b.unwrap()[0].listen, c.unwrap()[0].listen),
        (listen, listen)
    );
    let unknown = rig
        .target
        .route(&environment, &[route(2, &[&key(2)])], 2)
        .await;
    assert!(
        matches!(unknown, Err(TargetError::Invalid(_))),
        "{unknown:?}"
    );
    rig.target.stop(&one).await.unwrap();
    rig.target.stop_proxy().await.unwrap();
}
