//! Smoke: one request to what users reach.

use towpath_core::{
    Digest,
    manifest::HttpCheck,
    path::{Outcome, Receipt},
    time::human,
};

use super::{Attempt, errored, failed};
use crate::engine::http::{self, Found};

pub(super) async fn perform(attempt: &Attempt<'_>, check: &HttpCheck) -> Outcome {
    let address = match attempt.address(&check.service).await {
        Ok(address) => address,
        Err(outcome) => return outcome,
    };
    match http::check(address, check).await {
        Found::AsExpected(took) => Outcome::Passed {
            detail: format!(
                "GET {} answered {} in {}",
                check.get,
                check.expect,
                human(took)
            ),
            receipt: Receipt::Tested {
                output: Digest::of_value(&check.expect),
            },
        },
        Found::Otherwise(finding) => failed(finding),
        Found::Answer { finding, body } => failed(attempt.with_answer(finding, &body).await),
        Found::Nothing(cause) => errored(cause),
    }
}
