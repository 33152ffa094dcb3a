//! The API on the socket: what it answers, and that it says no as the engine does.

use futures_util::StreamExt;
use towpath::{
    engine::{Ask, Place, Reply, RequestError},
    server::client::ClientError,
    store::Page,
};
use towpath_core::{journal::Stream, path::Actor};

use super::rig::{PLAIN, Running, World, by_hand, dana, say, soon};

const GUARDED: &str = r#"
[project]
name = "scratch"

[roles]
developer = { members = ["dana@acme.test"] }
leader = { members = ["lee@acme.test"] }

[environments.staging]
aliases = ["stg"]
branch = "main"
used_by = ["developer"]
sign_off = [{ name = "acceptance", role = "leader" }]
"#;

#[tokio::test]
async fn a_deployment_from_the_question_to_its_end() {
    let world = World::new(PLAIN);
    let server = world.serve().await;

    let preview = server
        .client
        .preview(&dana(), None, "stg", None, false)
        .await;
    assert_eq!(preview.unwrap().plan.environment.as_str(), "staging");

    // By its alias, as everywhere.
    let number = server.deploy("stg").await;
    let view = server.end_of(number).await;
    assert_eq!(
        (view.status.as_str(), &*view.requested_by),
        ("settled", "dana@acme.test")
    );

    let status = server.client.status().await.unwrap();
    let live = status.environments[0].live.as_ref().unwrap();
    assert_eq!(
        (live.deployment, live.verified, &*live.subject),
        (number, true, "begin")
    );

    let client = &server.client;
    assert_eq!(client.deployment(number).await.unwrap(), Some(view));
    let listed = client.deployments(None, None, 10).await.unwrap();
    assert_eq!(listed.len(), 1);
    let releases = client.releases(None, 10).await.unwrap();
    assert_eq!(releases[0].release.number, live.release);
    assert!(client.release(live.release).await.unwrap().is_some());
    assert!(client.verify().await.unwrap().records > 5);
    let seen = client.observed().await.unwrap().0;
    assert_eq!(
        seen.keys().map(|e| e.as_str()).collect::<Vec<_>>(),
        ["staging"]
    );

    let stream = Some(Stream::Deployment(number));
    let page = Page {
        after: 0,
        stream,
        limit: 3,
    };
    let records = client.journal(&page).await.unwrap();
    assert_eq!(records.len(), 3);
    assert_eq!(records[0].kind, "requested");
    server.stop().await;
}

#[tokio::test]
async fn pages_end_where_they_are_asked_to() {
    let world = World::new(&by_hand());
    let server = world.serve().await;
    for _ in 0..3 {
        let number = server.deploy("staging").await;
        server.end_of(number).await;
        world.commit("more");
    }
    let numbers = async |path: &str| -> Vec<String> {
        let answer = server.get(path).await.json();
        let listed = answer["deployments"].as_array().unwrap().iter();
        listed
            .map(|d| d["deployment"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        numbers("/api/v1/deployments?environment=stg&limit=2").await,
        ["d3", "d2"]
    );
    assert_eq!(
        numbers("/api/v1/deployments?environment=stg&limit=2&before=d2").await,
        ["d1"]
    );
    assert!(
        numbers("/api/v1/deployments?environment=production")
            .await
            .is_empty()
    );
    assert_eq!(server.client.releases(None, 2).await.unwrap().len(), 2);
    server.stop().await;
}

#[tokio::test]
async fn every_error_has_a_code_a_sentence_and_a_way_out() {
    let world = World::new(PLAIN);
    let server = world.serve().await;
    for (path, status, code) in [
        ("/", 404, "api::not-found"),
        ("/api/v1", 404, "api::not-found"),
        ("/api/v2/status", 404, "api::not-found"),
        ("/api/v1/deployments/d9", 404, "api::not-found"),
        ("/api/v1/deployments/d9/outputs", 404, "api::not-found"),
        ("/api/v1/deployments/d9/output", 404, "api::not-found"),
        ("/api/v1/releases/v9", 404, "api::not-found"),
        ("/api/v1/deployments/9", 400, "api::malformed"),
        ("/api/v1/deployments/%ff", 400, "api::malformed"),
        ("/api/v1/deployments/d99999999999", 400, "api::malformed"),
        ("/api/v1/releases/..%2f..%2fkey", 400, "api::malformed"),
        ("/api/v1/deployments?limit=many", 400, "api::malformed"),
        ("/api/v1/deployments?limit=-1", 400, "api::malformed"),
        ("/api/v1/deployments?colour=red", 400, "api::malformed"),
        ("/api/v1/journal?stream=nothing", 400, "api::malformed"),
        ("/api/v1/events?after=now", 400, "api::malformed"),
        ("/api/v1/plan?environment=staging", 400, "api::malformed"),
        (
            "/api/v1/plan?environment=staging&actor=towpath",
            400,
            "api::malformed",
        ),
        (
            "/api/v1/plan?environment=staging&actor=a@b&work_tree=here",
            400,
            "api::malformed",
        ),
        (
            "/api/v1/plan?environment=staging&actor=a@b&what=nothing",
            404,
            "git::no-such-revision",
        ),
        (
            "/api/v1/plan?environment=moon&actor=a@b",
            404,
            "ask::no-such-environment",
        ),
        (
            "/api/v1/deployments?environment=moon",
            404,
            "ask::no-such-environment",
        ),
        (
            "/api/v1/environments/moon/output",
            404,
            "ask::no-such-environment",
        ),
        ("/api/v1/asks", 405, "api::method"),
    ] {
        assert_eq!(
            server.get(path).await.error(),
            (status, code.to_owned()),
            "{path}"
        );
    }
    let answer = server
        .get("/api/v1/deployments?environment=moon")
        .await
        .json();
    assert_eq!(
        answer["error"]["message"],
        "there is no environment \"moon\""
    );
    assert_eq!(answer["error"]["help"], "there are staging, production");
    server.stop().await;
}

#[tokio::test]
async fn whoever_asks_is_named_in_the_request_or_in_a_header() {
    let world = World::new(PLAIN);
    let server = world.serve().await;
    let ask = r#"{"ask":{"ask":"hold","environment":"stg","reason":"because"}}"#;
    let nobody = server.post("/api/v1/asks", ask).await;
    assert_eq!(nobody.error(), (400, "api::malformed".into()));

    let length = ask.len();
    let request = format!(
        "POST /api/v1/asks HTTP/1.1\r\nhost: towpath\r\nx-towpath-actor: Lee@Acme.test\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{ask}"
    );
    let answer = say(server.unix().await, request.as_bytes()).await;
    assert_eq!(
        (answer.status, &answer.json()["answer"]),
        (200, &"done".into())
    );
    let status = server.client.status().await.unwrap();
    assert_eq!(
        status.environments[0].hold.as_ref().unwrap().by,
        "lee@acme.test"
    );
    server.stop().await;
}

/// What the server says and what an engine says are the same words.
async fn same_words(server: &Running, place: &Place, actor: &Actor, ask: &Ask) -> (u16, String) {
    let own: RequestError = server.engine.ask(actor, place, ask).await.unwrap_err();
    match server
        .client
        .ask(actor, place.work_tree.as_deref(), ask)
        .await
    {
        Err(ClientError::Api {
            status,
            code,
            message,
            help,
        }) => {
            let own = (own.code().to_owned(), own.to_string(), own.help());
            assert_eq!((code.clone(), message, help), own);
            (status, code)
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn it_says_no_in_the_engines_words() {
    let world = World::new(GUARDED);
    let server = world.serve().await;
    let place = world.place();
    let deploy = |environment: &str, what: Option<&str>| Ask::Deploy {
        environment: environment.into(),
        what: what.map(str::to_owned),
    };
    let reject = |deployment: &str| Ask::Reject {
        deployment: deployment.into(),
        name: None,
        reason: "no".into(),
    };
    let eve = Actor::person("eve@acme.test");
    for (actor, ask, status, code) in [
        (&eve, deploy("staging", None), 403, "path::not-allowed"),
        (&eve, deploy("moon", None), 404, "ask::no-such-environment"),
        (
            &dana(),
            deploy("staging", Some("v7")),
            404,
            "path::no-such-release",
        ),
        (
            &dana(),
            deploy("staging", Some("no-such-branch")),
            404,
            "git::no-such-revision",
        ),
        (
            &dana(),
            deploy("staging", Some("--output=/tmp/x")),
            404,
            "git::no-such-revision",
        ),
        (&dana(), reject("d7"), 404, "path::no-such-deployment"),
        (&dana(), reject("staging"), 409, "ask::unclear"),
    ] {
        let said = same_words(&server, &place, actor, &ask).await;
        assert_eq!(said, (status, code.to_owned()), "{ask:?}");
    }
    world.write(&GUARDED.replace("leader =", "leaders ="));
    world.commit("broken");
    let said = same_words(&server, &place, &dana(), &deploy("staging", None)).await;
    assert_eq!(said, (422, "manifest::invalid".into()));
    server.stop().await;
}

#[tokio::test]
async fn a_signature_sets_it_going_again_while_it_is_followed() {
    let world = World::new(GUARDED);
    let server = world.serve().await;
    let number = server.deploy("staging").await;
    let mut views = Box::pin(server.client.follow(number));
    let asked = async {
        loop {
            let view = views.next().await.unwrap().unwrap();
            if view.asked.is_some() {
                return view;
            }
        }
    };
    let waiting = soon(asked).await.waiting.unwrap();
    assert_eq!(waiting.who.as_deref(), Some("leader (lee@acme.test)"));
    let sign = Ask::SignOff {
        deployment: "stg".into(),
        name: None,
        evidence: None,
        comment: Some("seen".into()),
    };
    let lee = Actor::person("lee@acme.test");
    let reply = server.client.ask(&lee, None, &sign).await.unwrap();
    assert!(matches!(reply, Reply::Deployment { deployment, .. } if deployment == number));
    let last = soon(views.fold(None, async |_, view| Some(view))).await;
    let last = last.unwrap().unwrap();
    assert_eq!(
        (last.status.as_str(), last.signatures.len()),
        ("settled", 1)
    );
    server.stop().await;
}

#[tokio::test]
async fn a_view_that_has_not_changed_is_not_told_again() {
    let world = World::new(PLAIN);
    let server = world.serve().await;
    let number = server.deploy("staging").await;
    let views: Vec<_> = soon(server.client.follow(number).map(Result::unwrap).collect()).await;
    for pair in views.windows(2) {
        assert_ne!(pair[0], pair[1]);
    }
    // One that has ended is told once.
    let again: Vec<_> = soon(server.client.follow(number).collect()).await;
    assert_eq!(again.len(), 1);
    server.stop().await;
}
