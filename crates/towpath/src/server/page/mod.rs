//! The page: where everything is, for people with a browser. It only shows.

use std::sync::LazyLock;

use axum::{
    Router,
    extract::{Query, State},
    http::header,
    response::{Html, IntoResponse},
    routing::get,
};
use minijinja::{Environment, context};
use serde::Deserialize;
use towpath_core::time::human;

use super::{App, error::ApiError};
use crate::clock::now;

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    for (name, text) in [
        ("page.html", include_str!("../../../templates/page.html")),
        ("board.html", include_str!("../../../templates/board.html")),
    ] {
        templates
            .add_template(name, text)
            .expect("our own templates are well formed");
    }
    templates.add_filter("ago", |at: i64| human(now().since(towpath_core::Time(at))));
    templates.add_filter("ms", |ms: u64| human(std::time::Duration::from_millis(ms)));
    templates
});

/// The page, and what it is made of.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(page))
        .route("/style.css", get(style))
        .route("/live.js", get(script))
}

/// What of the page.
#[derive(Deserialize)]
struct Part {
    /// Only what changes.
    fragment: Option<u8>,
}

async fn page(State(app): State<App>, Query(part): Query<Part>) -> Result<Html<String>, ApiError> {
    let status = app.engine.status(&app.manifests.read()).await?;
    let history = app.engine.history(None, None, 15).await?;
    let name = if part.fragment.is_some() {
        "board.html"
    } else {
        "page.html"
    };
    let rendered = TEMPLATES.get_template(name).and_then(|template| {
        template.render(context! { status, history, at => now().to_string() })
    });
    rendered.map(Html).map_err(|error| {
        ApiError::new(
            axum::http::StatusCode::INTERNAL_SERVER_ERROR,
            "page::template",
            error.to_string(),
            "this is a mistake of ours; `towpath status` shows the same",
        )
    })
}

async fn style() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/css; charset=utf-8")],
        include_str!("../../../assets/style.css"),
    )
}

async fn script() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")],
        include_str!("../../../assets/live.js"),
    )
}
