//! The service's routes: what is asked, what is answered, and how a failure looks.

use std::{error::Error, sync::Arc};

use axum::{
    Extension, Form, Json, Router,
    extract::{DefaultBodyLimit, Request, State, rejection::FormRejection},
    http::{
        HeaderName, StatusCode,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
    },
    middleware::{Next, from_fn},
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use serde::Serialize;

use crate::{
    entry::{Complaints, Draft, Entry},
    feed,
    page::{self, Frame},
    settings::Settings,
    store::Store,
};

/// The largest form that is read; the longest message takes a few KB when every character is escaped.
const LARGEST_FORM: usize = 16 * 1024;

/// What every handler works with.
type Guestbook = State<Arc<Parts>>;

struct Parts {
    store: Store,
    frame: Frame,
}

/// Headers of every page: nothing but our own style sheet is loaded, so a text that slipped through could do nothing.
const PAGE_HEADERS: [(HeaderName, &str); 3] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (CACHE_CONTROL, "no-cache"),
];

/// Every route.
pub fn routes(settings: Settings, store: Store) -> Router {
    let parts = Parts {
        store,
        frame: Frame::new(&settings),
    };
    Router::new()
        .route("/", get(index))
        .route("/entries", post(sign))
        .route("/api/entries", get(entries))
        .route("/feed.xml", get(atom))
        .route("/style.css", get(style))
        .route("/healthz", get(health))
        .fallback(missing)
        .layer(from_fn(log_failure))
        .layer(DefaultBodyLimit::max(LARGEST_FORM))
        .with_state(Arc::new(parts))
}

async fn index(State(book): Guestbook) -> Result<Response, Failure> {
    let newest = book.store.newest().await?;
    let html = page::book(
        &book.frame,
        &newest,
        &Draft::default(),
        &Complaints::default(),
    );
    Ok((PAGE_HEADERS, Html(html)).into_response())
}

async fn sign(
    State(book): Guestbook,
    draft: Result<Form<Draft>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(draft) = match draft {
        Ok(draft) => draft,
        Err(why) => return Ok((why.status(), format!("{why}\n")).into_response()),
    };
    match draft.check() {
        Ok(signature) => {
            book.store.sign(signature).await?;
            Ok(Redirect::to("/").into_response())
        }
        Err(complaints) => {
            let newest = book.store.newest().await?;
            let html = page::book(&book.frame, &newest, &draft, &complaints);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, PAGE_HEADERS, Html(html)).into_response())
        }
    }
}

async fn entries(State(book): Guestbook) -> Result<impl IntoResponse, Failure> {
    /// The answer's shape.
    #[derive(Serialize)]
    struct Entries {
        total: i64,
        entries: Vec<Entry>,
    }
    let newest = book.store.newest().await?;
    let entries = Entries {
        total: newest.total,
        entries: newest.entries,
    };
    Ok(([(CACHE_CONTROL, "no-cache")], Json(entries)))
}

async fn atom(State(book): Guestbook) -> Result<impl IntoResponse, Failure> {
    let newest = book.store.newest().await?;
    Ok(([(CONTENT_TYPE, feed::MEDIA_TYPE)], feed::feed(&newest)))
}

async fn style() -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, "text/css; charset=utf-8"),
        (CACHE_CONTROL, "max-age=300"),
    ];
    (headers, page::STYLE)
}

/// Healthy means that the queries of this release work on the database as it is now.
async fn health(State(book): Guestbook) -> Response {
    match book.store.newest().await {
        Ok(_) => "ok\n".into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    }
}

async fn missing(State(book): Guestbook) -> Response {
    let html = page::missing(&book.frame);
    (StatusCode::NOT_FOUND, PAGE_HEADERS, Html(html)).into_response()
}

/// Something that is not the visitor's fault. The log says what; they are only told that it happened.
struct Failure(Box<dyn Error>);

impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure(Box::new(error))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let text = "The guestbook cannot be read at the moment. Please come back in a minute.\n";
        let cause = Extension(Cause(self.0.to_string().into()));
        (StatusCode::INTERNAL_SERVER_ERROR, cause, text).into_response()
    }
}

/// Why a request failed, on its way to the log.
#[derive(Clone)]
struct Cause(Arc<str>);

/// Writes requests that failed to the log.
async fn log_failure(request: Request, next: Next) -> Response {
    let asked = format!("{} {}", request.method(), request.uri().path());
    let response = next.run(request).await;
    if let Some(Cause(why)) = response.extensions().get() {
        eprintln!("guestbook: {asked}: {why}");
    }
    response
}
