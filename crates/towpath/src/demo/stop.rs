//! Somebody ends the demo: Ctrl-C, a signal, or a terminal that is closed.

use std::convert::Infallible;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{DemoError, Tell, Told};

/// Listens to the signals that ask a process to end.
pub(super) struct Stop {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
    asked: bool,
}

impl Stop {
    /// From now on none of them ends the process by itself.
    pub(super) fn listen() -> Result<Stop, DemoError> {
        let listen = |kind| {
            signal(kind).map_err(|error| {
                let what = format!("could not listen to signals: {error}");
                DemoError::new("demo::signals", what, "look at the limits of this process")
            })
        };
        Ok(Stop {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
            asked: false,
        })
    }

    /// Returns once somebody has asked; at once after that.
    pub(super) async fn asked(&mut self) {
        if !self.asked {
            self.next().await;
            self.asked = true;
        }
    }

    /// Says that it is being done to whoever asks again. Never returns.
    pub(super) async fn keeps_being_asked(&mut self, tell: &Tell) -> Infallible {
        loop {
            self.next().await;
            tell.say(Told::Aside(
                "still cleaning up: a process has a few seconds to end by itself".into(),
            ));
        }
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}
