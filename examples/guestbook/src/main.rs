//! The guestbook: starts the service, and ends it without dropping a request.

mod entry;
mod feed;
mod page;
#[cfg(test)]
mod scratch;
mod settings;
mod store;
mod text;
mod web;

use std::{error::Error, future::IntoFuture, net::Ipv4Addr, process::ExitCode, time::Duration};

use axum::serve::ListenerExt;
use tokio::{
    net::TcpListener,
    runtime,
    signal::unix::{SignalKind, signal},
    time,
};

use crate::{settings::Settings, store::Store};

/// How long requests in flight may take to finish after we were told to stop.
const DRAIN: Duration = Duration::from_secs(15);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("guestbook: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Reads the settings and serves until a signal says stop.
fn run() -> Result<(), Box<dyn Error>> {
    let settings = Settings::from_environment()?;
    let store = Store::open(&settings.database)?;
    runtime::Builder::new_multi_thread()
        // Every query runs on a thread of its own; more of them than this only wait for one another.
        .max_blocking_threads(8)
        .enable_all()
        .build()?
        .block_on(serve(settings, store))
}

/// Serves until a signal says stop, then finishes what is in flight.
async fn serve(settings: Settings, store: Store) -> Result<(), Box<dyn Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, settings.port)).await?;
    println!(
        "guestbook: {} on http://{}",
        settings.release,
        listener.local_addr()?
    );
    let listener = listener.tap_io(|connection| {
        // Without it small answers may wait for the acknowledgement of earlier ones; a failure only costs speed.
        let _ = connection.set_nodelay(true);
    });
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut draining = stopped.clone();
    let server = axum::serve(listener, web::routes(settings, store))
        .with_graceful_shutdown(async move {
            // An error means that nobody is left who could say stop.
            let _ = draining.wait_for(|&stop| stop).await;
        })
        .into_future();
    let signalled = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        println!("guestbook: stopping");
        stop.send_replace(true);
        time::sleep(DRAIN).await;
    };
    tokio::select! {
        served = server => Ok(served?),
        () = signalled => Err(format!("requests were still open after {} s", DRAIN.as_secs()).into()),
    }
}
