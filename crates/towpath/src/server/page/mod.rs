//! The page: where everything is, for people with a browser. It only shows, and works without its script.

mod board;
mod deployment;
mod stations;
mod words;

use std::sync::LazyLock;

use axum::{
    Router,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::{HeaderName, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use minijinja::{Environment, context};
use serde::{Deserialize, Serialize};
use towpath_core::names::DeploymentNumber;

use self::{
    board::{Board, History},
    deployment::Voyage,
};
use super::{
    App,
    error::{ApiError, Said},
};
use crate::clock::now;

/// How many deployments one page of the history holds.
const MOST: u32 = 20;

macro_rules! template {
    ($name:literal) => {
        ($name, include_str!(concat!("../../../templates/", $name)))
    };
}

/// Whatever is put into them is escaped: their names end in `.html`.
static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    templates.set_trim_blocks(true);
    templates.set_lstrip_blocks(true);
    for (name, text) in [
        template!("page.html"),
        template!("parts.html"),
        template!("board.html"),
        template!("deployment.html"),
        template!("trouble.html"),
    ] {
        templates
            .add_template(name, text)
            .expect("our own templates are well formed");
    }
    templates
});

/// The page, and what it is made of.
pub(super) fn routes() -> Router<App> {
    let asset = |kind: &'static str, text: &'static str| {
        get(move || async move { ([(header::CONTENT_TYPE, kind), UNCHANGED], text) })
    };
    Router::new()
        .route("/", get(board))
        .route("/deployments/{number}", get(deployment))
        .route(
            "/style.css",
            asset(
                "text/css; charset=utf-8",
                include_str!("../../../assets/style.css"),
            ),
        )
        .route(
            "/live.js",
            asset(
                "text/javascript; charset=utf-8",
                include_str!("../../../assets/live.js"),
            ),
        )
        .route(
            "/mark.svg",
            asset("image/svg+xml", include_str!("../../../assets/mark.svg")),
        )
}

/// Kept by nobody: the next version of the server has others at the same place.
const UNCHANGED: (HeaderName, &str) = (header::CACHE_CONTROL, "no-cache");

/// What of the board.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Only what changes.
    fragment: Option<u8>,
    /// The history of an environment only, by name or alias.
    environment: Option<String>,
    /// The history before this deployment.
    before: Option<DeploymentNumber>,
}

async fn board(
    State(app): State<App>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Response, Trouble> {
    let Query(which) = which.map_err(ApiError::malformed)?;
    let place = app.place(None);
    let environment = match &which.environment {
        Some(typed) => Some(place.environment(typed)?.name.clone()),
        None => None,
    };
    let at = now();
    let status = app.engine.status(&place.manifest).await?;
    // One more than is shown, to know whether there are older ones.
    let history = app
        .engine
        .history(environment.as_ref(), which.before, MOST + 1)
        .await?;
    let board = Board::of(&status, at);
    let history = History::of(history, MOST, environment.as_ref(), which.before, at);
    let trouble = app.health.trouble();
    let manifest = app.manifests.wrong();
    let values = context! { board, history, trouble, manifest, at => words::exact(at) };
    render(
        "board.html",
        &board.title(),
        &board.project,
        which.fragment,
        values,
    )
}

/// What of a deployment.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    fragment: Option<u8>,
}

async fn deployment(
    State(app): State<App>,
    number: Result<Path<DeploymentNumber>, PathRejection>,
    part: Result<Query<Part>, QueryRejection>,
) -> Result<Response, Trouble> {
    let Query(part) = part.map_err(ApiError::malformed)?;
    let Path(number) = number.map_err(|error| ApiError::malformed(error.body_text()))?;
    let view = app.engine.deployment_view(number).await?;
    let view = view.ok_or_else(|| ApiError::missing(format!("there is no deployment {number}")))?;
    let release = app.engine.release(view.release).await?;
    let at = now();
    let voyage = Voyage::of(&view, release.as_ref(), at);
    let project = app.manifests.read().project.to_string();
    let title = voyage.title();
    let values = context! { voyage, at => words::exact(at) };
    render("deployment.html", &title, &project, part.fragment, values)
}

fn render(
    template: &'static str,
    title: &str,
    project: &str,
    fragment: Option<u8>,
    values: minijinja::Value,
) -> Result<Response, Trouble> {
    let name = match fragment {
        Some(_) => template,
        None => "page.html",
    };
    let html = TEMPLATES
        .get_template(name)
        .and_then(|found| found.render(context! { template, title, project, ..values }))
        .map_err(|error| {
            tracing::error!(error = format!("{error:#}"), "could not make the page");
            ApiError::ours(StatusCode::INTERNAL_SERVER_ERROR)
        })?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Html(html)).into_response())
}

/// An error on its way to somebody with a browser.
struct Trouble(ApiError);

impl<E: Into<ApiError>> From<E> for Trouble {
    fn from(error: E) -> Trouble {
        Trouble(error.into())
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Values<'a> {
            status: u16,
            said: &'a Said,
        }
        let Trouble(error) = self;
        let (status, said) = (error.status(), error.said());
        let values = Values {
            status: status.as_u16(),
            said,
        };
        let html = TEMPLATES
            .get_template("trouble.html")
            .and_then(|found| found.render(values));
        match html {
            Ok(html) => (status, Html(html)).into_response(),
            Err(_) => error.into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use towpath_core::{
        Digest, Time,
        names::ReleaseNumber,
        path::{Hold, Lock, Phase, Rehearsal, Verdict, Waiting},
    };

    use super::{
        stations::tests::{NOW, step, view},
        *,
    };
    use crate::engine::{DeploymentView, EnvironmentView, LiveView, StatusView};

    /// A deployment that has everything that one can have.
    fn full() -> DeploymentView {
        let steps = vec![
            step(Phase::Build, Some(Verdict::Passed), true),
            step(Phase::Test, Some(Verdict::Errored), true),
            step(Phase::SignOff, None, true),
        ];
        DeploymentView {
            why: Some("one\ntwo".into()),
            undone_by: Some(DeploymentNumber(9)),
            points_of_no_return: Vec::new(),
            accepted: None,
            evidence: Some(Digest::of_bytes(b"seen")),
            asked: Some("qa".into()),
            waiting: Some(Waiting {
                reason: "the signature \"qa\"".into(),
                who: Some("qa (quinn@acme.test)".into()),
                until: Some(Time(NOW.0 + 60_000)),
            }),
            ..view(steps, "running")
        }
    }

    fn status() -> StatusView {
        let environment = EnvironmentView {
            name: "staging".parse().unwrap(),
            group: Some("development".parse().unwrap()),
            branch: Some("develop".into()),
            live: Some(LiveView {
                release: ReleaseNumber(2),
                commit: "a".repeat(40),
                subject: "<script>".into(),
                deployment: DeploymentNumber(6),
                since: NOW,
                verified: true,
                rehearsal: Some(Rehearsal {
                    environment: "staging".parse().unwrap(),
                    to: Some(ReleaseNumber(1)),
                    deployments: vec![DeploymentNumber(3), DeploymentNumber(4)],
                    schemas: BTreeMap::new(),
                    seen: BTreeMap::new(),
                    on_clone: true,
                    at: Some(Time(NOW.0 - 60_000)),
                    finding: None,
                }),
                vetoed: Some("bad".into()),
                addresses: BTreeMap::from([(
                    "web".parse().unwrap(),
                    "http://127.0.0.1:1".to_owned(),
                )]),
            }),
            warm: Some((ReleaseNumber(1), Time(NOW.0 + 1000))),
            returns_to: Some(ReleaseNumber(1)),
            returns_by: vec!["undoes 2 (tide): what was written is lost".into()],
            safe_back_to: Some(ReleaseNumber(1)),
            active: Some(full()),
            queue: vec![full()],
            lock: Some(Lock {
                owner: "dana@acme.test".into(),
                reason: "x".into(),
                at: NOW,
                until: Time(NOW.0 + 1000),
            }),
            hold: Some(Hold {
                by: "towpath".into(),
                reason: "y".into(),
                at: NOW,
            }),
            frozen_until: Some(Time(NOW.0 + 1000)),
            last: Some(full()),
        };
        let failed = EnvironmentView {
            active: None,
            last: Some(view(Vec::new(), "rolled-back")),
            ..environment.clone()
        };
        let empty = EnvironmentView {
            live: None,
            warm: None,
            returns_to: None,
            returns_by: Vec::new(),
            safe_back_to: None,
            queue: Vec::new(),
            lock: None,
            hold: None,
            frozen_until: None,
            last: None,
            ..failed.clone()
        };
        StatusView {
            version: 1,
            project: "page".into(),
            environments: vec![environment, failed, empty],
        }
    }

    fn html(template: &'static str, values: minijinja::Value) -> String {
        let whole = context! { template, title => "<t>", project => "page", ..values };
        let rendered = TEMPLATES.get_template("page.html").unwrap().render(whole);
        rendered.unwrap_or_else(|error| panic!("{error:#}"))
    }

    #[test]
    fn everything_that_can_be_told_of_an_environment_is() {
        let board = Board::of(&status(), NOW);
        assert_eq!(board.title(), "staging · page");
        let views = vec![full(), view(Vec::new(), "settled"), full()];
        let history = History::of(views, 2, None, None, NOW);
        let trouble: Option<crate::server::Trouble> = None;
        let values = context! { board, history, trouble, manifest => "m", at => words::exact(NOW) };
        let html = html("board.html", values);
        for words in [
            "<title>&lt;t&gt; · Towpath</title>",
            "&lt;script&gt;",
            "vetoed",
            "waits for the signature &quot;qa&quot;, from qa (quinn@acme.test), for 1 min at most",
            "Taken back by",
            "Locked",
            "Held",
            "Frozen",
            "can return to <strong>v1</strong>, warm for",
            "more<bdi>, which undoes 2 (tide)",
            "safe back to <strong>v1</strong>",
            "</span> rollback proven</span>",
            "rollback proven on a clone of staging: to v1 and back (d3, d4)</bdi>, <time",
            "rolled back",
            "nothing here yet",
            "before=d7",
            "d7 waits for the signature",
        ] {
            assert!(html.contains(words), "{words} in {html}");
        }
    }

    #[test]
    fn everything_that_can_be_told_of_a_deployment_is() {
        let voyage = Voyage::of(&full(), None, NOW);
        assert_eq!(voyage.title(), "d7 deploy of v3 · staging");
        let html = html(
            "deployment.html",
            context! { voyage, at => words::exact(NOW) },
        );
        for words in ["Taken back by", "test-1", "errored", "one …", "waiting"] {
            assert!(html.contains(words), "{words} in {html}");
        }
    }
}
