//! One request through the proxy: which instance, what if that one does not answer, what the client gets.

use std::{convert::Infallible, rc::Rc};

use http::{
    HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER},
};
use hyper::{body::Incoming, upgrade};

use super::{
    body::{Download, Upload},
    flight::{Answer, Unanswered, exchange},
    headers::{self, Client, Refused},
    peer::{Channel, Flight, Peer},
    tunnel,
    worker::{LocalRoute, Worker},
};

/// Takes a request to an instance of the service that the listener belongs to at this instant, and brings the answer.
pub(super) async fn forward(
    worker: Rc<Worker>,
    slot: usize,
    client: Rc<Client>,
    request: Request<Incoming>,
) -> Result<Response<Download>, Infallible> {
    let (mut parts, incoming) = request.into_parts();
    let multiplexed = parts.version == Version::HTTP_2;
    let body = Upload::new(incoming);
    let has_body = matches!(body, Upload::Streaming(_));
    let upgrades = match headers::to_instance(&mut parts, has_body, &client) {
        Ok(upgrades) => upgrades,
        Err(Refused(status, text)) => {
            let mut refusal = own(status, text);
            if !multiplexed {
                // Where this request ends and the next begins is not to be relied on.
                let close = HeaderValue::from_static("close");
                refusal.headers_mut().insert(CONNECTION, close);
            }
            return Ok(refusal);
        }
    };
    let mut request = Request::from_parts(parts, body);
    let switch = upgrades.then(|| upgrade::on(&mut request));

    let delivery = Delivery {
        worker: &worker,
        slot,
        tried: Vec::new(),
    };
    match delivery.run(request).await {
        Ok(delivered) => Ok(delivered.into_response(&worker, switch)),
        Err((route, failure)) => {
            if failure != Failure::Abandoned {
                route.route.service.counters.answered(worker.index, true);
            }
            Ok(failure.into_response())
        }
    }
}

/// An answer that has begun.
struct Delivered {
    response: Response<Incoming>,
    channel: Option<Box<Channel>>,
    flight: Flight,
    route: Rc<LocalRoute>,
}

impl Delivered {
    fn into_response(
        self,
        worker: &Rc<Worker>,
        switch: Option<upgrade::OnUpgrade>,
    ) -> Response<Download> {
        let (mut parts, incoming) = self.response.into_parts();
        headers::to_client(&mut parts);
        let switching = parts.status == StatusCode::SWITCHING_PROTOCOLS;
        let bad = parts.status.is_server_error() || (switching && switch.is_none());
        let service = &self.route.route.service;
        service.counters.answered(worker.index, bad);
        self.flight
            .peer
            .instance
            .counters
            .answered(worker.index, bad);

        if !switching {
            let answer = Answer::new(
                incoming,
                self.channel,
                self.flight,
                service.clone(),
                worker.index,
            );
            return Response::from_parts(parts, Download::Streaming(answer));
        }
        match (switch, self.channel) {
            (Some(client), Some(channel)) => {
                tunnel::open(worker, client, channel, self.flight);
                Response::from_parts(parts, Download::Empty)
            }
            _ => Failure::Lost.into_response(),
        }
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// The service has no instances.
    Nobody,
    /// None of them could be reached.
    Unreachable,
    /// One got the request and broke off.
    Lost,
    /// The client did not finish its request.
    Abandoned,
}

impl Failure {
    fn into_response(self) -> Response<Download> {
        match self {
            Self::Nobody => {
                let mut response = own(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the service has no instances at present\n",
                );
                response
                    .headers_mut()
                    .insert(RETRY_AFTER, HeaderValue::from_static("5"));
                response
            }
            Self::Unreachable => own(
                StatusCode::BAD_GATEWAY,
                "no instance of the service could be reached\n",
            ),
            Self::Lost => own(
                StatusCode::BAD_GATEWAY,
                "the service broke off before it answered\n",
            ),
            Self::Abandoned => own(StatusCode::BAD_REQUEST, "the request is incomplete\n"),
        }
    }
}

/// The way of a request to an instance that answers.
struct Delivery<'a> {
    worker: &'a Rc<Worker>,
    slot: usize,
    /// Those that could not be reached.
    tried: Vec<Rc<Peer>>,
}

impl Delivery<'_> {
    async fn run(
        mut self,
        mut request: Request<Upload>,
    ) -> Result<Delivered, (Rc<LocalRoute>, Failure)> {
        loop {
            // The route of this instant, at every try: an instance that was taken away is never picked again.
            let route = self.worker.route(self.slot);
            let Some(peer) = route.pick(&self.tried) else {
                let failure = match self.tried.is_empty() {
                    true => Failure::Nobody,
                    false => Failure::Unreachable,
                };
                return Err((route, failure));
            };
            let flight = Flight::to(peer.clone());
            match attempt(&peer, request).await {
                Ok((response, channel)) => {
                    return Ok(Delivered {
                        response,
                        channel,
                        flight,
                        route,
                    });
                }
                Err(Unanswered::Abandoned) => return Err((route, Failure::Abandoned)),
                Err(Unanswered::Lost(error)) => {
                    tracing::debug!(instance = peer.instance.key, %error, "no answer");
                    peer.instance.counters.answered(self.worker.index, true);
                    return Err((route, Failure::Lost));
                }
                Err(Unanswered::Unsent(unsent)) => {
                    peer.instance.counters.answered(self.worker.index, true);
                    self.tried.push(peer);
                    request = *unsent;
                }
            }
        }
    }
}

/// Tries one instance: on a connection that is there, and when that one proves dead, on a new one.
async fn attempt(
    peer: &Peer,
    mut request: Request<Upload>,
) -> Result<(Response<Incoming>, Option<Box<Channel>>), Unanswered> {
    while let Some(channel) = peer.take() {
        let spare = repeatable(&request).then(|| copy(&request));
        match exchange(channel, request).await {
            Err(Unanswered::Unsent(unsent)) => request = *unsent,
            Err(Unanswered::Lost(error)) => {
                // It was closed while the request was on its way. Asking again is harmless for these (RFC 9110 §9.2.2).
                request = spare.ok_or(Unanswered::Lost(error))?;
                break;
            }
            settled => return settled,
        }
    }
    match peer.connect().await {
        Ok(channel) => exchange(channel, request).await,
        Err(error) => {
            tracing::debug!(instance = peer.instance.key, %error, "no connection");
            Err(Unanswered::Unsent(Box::new(request)))
        }
    }
}

/// Whether a request may reach an instance twice.
fn repeatable(request: &Request<Upload>) -> bool {
    matches!(request.body(), Upload::Empty)
        && matches!(
            *request.method(),
            Method::GET
                | Method::HEAD
                | Method::OPTIONS
                | Method::TRACE
                | Method::PUT
                | Method::DELETE
        )
}

/// The same request once more; its body is empty.
fn copy(request: &Request<Upload>) -> Request<Upload> {
    let mut copy = Request::new(Upload::Empty);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}

/// An answer of the proxy's own.
fn own(status: StatusCode, text: &'static str) -> Response<Download> {
    let mut response = Response::new(Download::Text(text));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}
