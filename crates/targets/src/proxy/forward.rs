//! One request through the proxy: which instance, what if that one does not answer, what the client gets.

use std::{convert::Infallible, future::poll_fn, rc::Rc};

use http::{
    HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER},
    request::Parts,
};
use http_body::Body;
use hyper::{body::Incoming, upgrade};

use super::{
    ask::{Ask, Client, Refused},
    body::{Answer, Download},
    channel::{Broken, Channel},
    peer::{Flight, Peer},
    told::Told,
    tunnel,
    upload::Upload,
    worker::{LocalRoute, Worker},
};

/// Takes a request to an instance of the service that the listener belongs to at this instant, and brings the answer.
pub(super) async fn forward(
    worker: Rc<Worker>,
    slot: usize,
    client: Rc<Client>,
    mut request: Request<Incoming>,
) -> Result<Response<Download>, Infallible> {
    let has_body = !request.body().is_end_stream();
    let switch = match request.headers().contains_key(http::header::UPGRADE) {
        true => Some(upgrade::on(&mut request)),
        false => None,
    };
    let (parts, body) = request.into_parts();
    let ask = match Ask::new(&parts, has_body, &client) {
        Ok(ask) => ask,
        Err(refused) => return Ok(refusal(refused, parts.version)),
    };
    let mut delivery = Delivery {
        worker: &worker,
        parts: &parts,
        ask: &ask,
        client: &client,
        body: has_body.then_some(body),
        tried: Vec::new(),
    };
    match delivery.run(slot).await {
        Ok(delivered) => Ok(delivered.into_response(&worker, switch.filter(|_| ask.upgrades))),
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
    told: Told,
    channel: Box<Channel>,
    flight: Flight,
    route: Rc<LocalRoute>,
}

impl Delivered {
    fn into_response(
        self,
        worker: &Rc<Worker>,
        switch: Option<upgrade::OnUpgrade>,
    ) -> Response<Download> {
        let status = self.told.status;
        let switching = status == StatusCode::SWITCHING_PROTOCOLS;
        let bad = status.is_server_error() || (switching && switch.is_none());
        let service = &self.route.route.service;
        service.counters.answered(worker.index, bad);
        self.flight
            .peer
            .instance
            .counters
            .answered(worker.index, bad);

        let mut response = Response::new(Download::Empty);
        *response.status_mut() = status;
        *response.headers_mut() = self.told.headers;
        if let Some(reason) = self.told.reason {
            response.extensions_mut().insert(reason);
        }
        match (switching, switch) {
            (false, _) => {
                *response.body_mut() = Download::new(Answer {
                    channel: self.channel,
                    flight: self.flight,
                    service: service.clone(),
                    worker: worker.index,
                });
            }
            (true, Some(client)) => {
                let upgrade = HeaderValue::from_static("upgrade");
                response.headers_mut().insert(CONNECTION, upgrade);
                tunnel::open(worker, client, *self.channel, self.flight);
            }
            (true, None) => return Failure::Lost.into_response(),
        }
        response
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
                let later = HeaderValue::from_static("5");
                response.headers_mut().insert(RETRY_AFTER, later);
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

/// How one try to get an answer came out, when it was none.
enum Missed {
    /// The instance was not reached: another may be.
    Unreached,
    /// There is no use in trying further.
    Failed(Failure),
}

/// The way of a request to an instance that answers.
struct Delivery<'a> {
    worker: &'a Rc<Worker>,
    parts: &'a Parts,
    ask: &'a Ask,
    client: &'a Client,
    /// Until it is on its way.
    body: Option<Incoming>,
    /// Those that could not be reached.
    tried: Vec<Rc<Peer>>,
}

impl Delivery<'_> {
    async fn run(&mut self, slot: usize) -> Result<Delivered, (Rc<LocalRoute>, Failure)> {
        loop {
            // The route of this instant, at every try: an instance that was taken away is never picked again.
            let route = self.worker.route(slot);
            let Some(peer) = route.pick(&self.tried) else {
                let failure = match self.tried.is_empty() {
                    true => Failure::Nobody,
                    false => Failure::Unreachable,
                };
                return Err((route, failure));
            };
            let flight = Flight::to(peer.clone());
            match self.attempt(&peer).await {
                Ok((told, channel)) => {
                    return Ok(Delivered {
                        told,
                        channel,
                        flight,
                        route,
                    });
                }
                Err(Missed::Failed(Failure::Abandoned)) => {
                    return Err((route, Failure::Abandoned));
                }
                Err(missed) => {
                    peer.instance.counters.answered(self.worker.index, true);
                    match missed {
                        Missed::Failed(failure) => return Err((route, failure)),
                        Missed::Unreached => self.tried.push(peer),
                    }
                }
            }
        }
    }

    /// Tries one instance: on a connection that is there, and when that one proves dead, on a new one.
    async fn attempt(&mut self, peer: &Peer) -> Result<(Told, Box<Channel>), Missed> {
        let repeatable = self.is_repeatable();
        if let Some(mut channel) = peer.take(!repeatable) {
            match self.exchange(&mut channel).await {
                Ok(told) => return Ok((told, channel)),
                Err(Broken::Client) => return Err(Missed::Failed(Failure::Abandoned)),
                Err(Broken::Instance(error)) => {
                    tracing::debug!(instance = peer.instance.key, %error, "no answer");
                    // The connection was closed while the request was on its way. Asking again is harmless for some
                    // requests (RFC 9110 §9.2.2), and for all of which nothing has left.
                    let again = repeatable || (self.is_whole() && !channel.has_begun());
                    if !again {
                        return Err(Missed::Failed(Failure::Lost));
                    }
                }
            }
        }
        let mut channel = peer.connect().await.map_err(|error| {
            tracing::debug!(instance = peer.instance.key, %error, "no connection");
            Missed::Unreached
        })?;
        match self.exchange(&mut channel).await {
            Ok(told) => Ok((told, channel)),
            Err(Broken::Client) => Err(Missed::Failed(Failure::Abandoned)),
            Err(Broken::Instance(error)) => {
                tracing::debug!(instance = peer.instance.key, %error, "no answer");
                Err(Missed::Failed(Failure::Lost))
            }
        }
    }

    async fn exchange(&mut self, channel: &mut Channel) -> Result<Told, Broken> {
        let upload = Upload::new(self.body.take(), self.ask);
        channel.begin(|to| self.ask.write(self.parts, self.client, to), upload);
        let without_body = self.parts.method == Method::HEAD;
        poll_fn(|cx| channel.poll_head(cx, without_body)).await
    }

    /// Whether all of it is still here.
    fn is_whole(&self) -> bool {
        self.body.is_some() || self.ask.coding == super::ask::Coding::Empty
    }

    /// Whether it may reach an instance twice.
    fn is_repeatable(&self) -> bool {
        self.ask.coding == super::ask::Coding::Empty
            && matches!(
                self.parts.method,
                Method::GET
                    | Method::HEAD
                    | Method::OPTIONS
                    | Method::TRACE
                    | Method::PUT
                    | Method::DELETE
            )
    }
}

fn refusal(Refused(status, text): Refused, version: Version) -> Response<Download> {
    let mut refusal = own(status, text);
    if version != Version::HTTP_2 {
        // Where this request ends and the next begins is not to be relied on.
        let close = HeaderValue::from_static("close");
        refusal.headers_mut().insert(CONNECTION, close);
    }
    refusal
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
