//! Asks again who was not reached, while there is time.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use tokio::time::{Instant, timeout_at};

use super::ProviderError;

/// The moment at which all is given up, and how long that was.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    at: Instant,
    within: Duration,
}

impl Deadline {
    pub(super) fn after(now: Instant, within: Duration) -> Self {
        let at = now + within;
        Deadline { at, within }
    }
}

/// How long to wait before asking again: a fifth of a second, and twice as long each time, four times. Who is not there
/// then is hardly there soon, and whoever waits for us learns why.
fn pauses() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_times(4)
        .with_jitter()
}

/// What comes of asking, perhaps more than once. When the time is over before anybody was reached, the reason is why
/// not. Nobody is asked once it is over.
pub(super) async fn retried<T, F: Future<Output = Result<T, ProviderError>>>(
    deadline: Deadline,
    ask: impl FnMut() -> F,
) -> Result<T, ProviderError> {
    if Instant::now() >= deadline.at {
        return Err(ProviderError::timed_out(deadline.within));
    }
    let mut last = None;
    let asked = ask
        .retry(pauses())
        .when(ProviderError::is_retryable)
        .notify(|error, _| last = Some(error.clone()));
    let answer = timeout_at(deadline.at, asked).await;
    answer
        .unwrap_or_else(|_| Err(last.unwrap_or_else(|| ProviderError::timed_out(deadline.within))))
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, future::pending};

    use super::*;
    use crate::provider::Kind;

    fn soon(within: Duration) -> Deadline {
        Deadline::after(Instant::now(), within)
    }

    #[tokio::test]
    async fn who_is_not_reached_is_asked_again() {
        let asked = Cell::new(0);
        let answer = retried(soon(Duration::from_secs(60)), async || {
            asked.set(asked.get() + 1);
            match asked.get() {
                1 => Err(ProviderError::unreachable("away")),
                _ => Ok(asked.get()),
            }
        });
        assert_eq!(answer.await, Ok(2));
    }

    #[tokio::test]
    async fn who_refuses_is_not() {
        let asked = Cell::new(0);
        let answer = retried(soon(Duration::from_secs(60)), async || {
            asked.set(asked.get() + 1);
            Err::<(), _>(ProviderError::denied("no"))
        });
        assert_eq!(answer.await.unwrap_err().kind(), Kind::Denied);
        assert_eq!(asked.get(), 1);
    }

    #[tokio::test]
    async fn when_the_time_is_over_the_last_reason_counts() {
        let within = Duration::from_millis(50);
        let silent = retried(soon(within), pending::<Result<(), _>>).await;
        assert_eq!(silent.unwrap_err().kind(), Kind::TimedOut);
        let away = retried(soon(within), async || {
            Err::<(), _>(ProviderError::unreachable("away"))
        })
        .await;
        assert_eq!(away.unwrap_err().kind(), Kind::Unreachable);
    }

    #[tokio::test]
    async fn nobody_is_asked_when_the_time_is_over() {
        let asked = Cell::new(false);
        let answer = retried(soon(Duration::ZERO), async || {
            asked.set(true);
            Ok(())
        });
        assert_eq!(answer.await.unwrap_err().kind(), Kind::TimedOut);
        assert!(!asked.get());
    }
}
