//! Asks, and keeps time and secrets whatever is asked.

use std::time::Duration;

use reqwest::{Client, ClientBuilder, redirect::Policy};
use tokio::time::{Instant, timeout_at};

use crate::{Error, Finding, Settings, Subject, call::Call, kind, scrub::Scrub, trust::Trust};

/// How long after its time a probe is given up that did not notice by itself.
const GRACE: Duration = Duration::from_millis(500);

/// Asks things how they are. One can ask many at once.
#[derive(Debug)]
pub struct Prober {
    settings: Settings,
    trust: Trust,
    client: Client,
}

impl Prober {
    /// A prober with these settings. Reads the certificate authorities, and asks nobody yet.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let trust = Trust::new(&settings)?;
        let client = client(&settings, &trust).build()?;
        Ok(Prober {
            settings,
            trust,
            client,
        })
    }

    /// Asks a thing how it is. Always answers, and not much later than the time that the settings allow.
    pub async fn probe(&self, subject: &Subject) -> Finding {
        let begun = Instant::now();
        let call = Call {
            subject,
            settings: &self.settings,
            trust: &self.trust,
            client: &self.client,
            deadline: begun + self.settings.timeout,
        };
        let found = match timeout_at(call.deadline + GRACE, kind::ask(&call)).await {
            Ok(found) => found,
            Err(_) => call.late("it".into()).into(),
        };
        let mut finding = Scrub::of(subject).finding(found);
        finding.took = begun.elapsed();
        finding
    }
}

/// A client for HTTP that trusts as told and follows no redirects.
pub(crate) fn client(settings: &Settings, trust: &Trust) -> ClientBuilder {
    Client::builder()
        .tls_backend_preconfigured(trust.config.clone())
        .tls_info(true)
        .redirect(Policy::none())
        .referer(false)
        // A connection that is kept would not show its certificate again.
        .pool_max_idle_per_host(0)
        .user_agent(&settings.user_agent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_may_move_between_threads() {
        fn may<T: Send>(_: T) {}
        let prober = Prober::new(Settings::default()).unwrap();
        may(prober.probe(&Subject::default()));
    }
}
