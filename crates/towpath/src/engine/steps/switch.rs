//! Switch: moves the traffic of all services at once.

use std::collections::BTreeMap;

use towpath_core::{
    path::{Outcome, Receipt},
    target::Route,
};

use super::{Attempt, errored, from_target};
use crate::engine::failpoint;

pub(super) async fn perform(attempt: &Attempt<'_>) -> Outcome {
    let plan = &attempt.deployment.plan;
    let instances = attempt.deployment.instances();
    let mut routes: Vec<Route> = plan
        .launch
        .services
        .iter()
        .map(|(service, launch)| Route {
            service: service.clone(),
            listen: launch.listen,
            release: plan.release,
            instances: instances.get(service).cloned().unwrap_or_default(),
        })
        .collect();
    let state = match attempt.engine.store.state().await {
        Ok(state) => state,
        Err(error) => return errored(error),
    };
    // A service that this release no longer has serves no more.
    let before = state.environment(&plan.environment).live;
    for service in before
        .iter()
        .flat_map(|standing| standing.launch.services.keys())
    {
        if !plan.launch.services.contains_key(service) {
            routes.push(Route {
                service: service.clone(),
                listen: None,
                release: plan.release,
                instances: Vec::new(),
            });
        }
    }
    let target = &attempt.engine.target;
    failpoint::pass(format_args!(
        "about to move the traffic for {}",
        attempt.key
    ));
    match target
        .route(&plan.environment, &routes, attempt.lease.token)
        .await
    {
        Err(error) => from_target(error),
        Ok(traffic) => {
            let addresses: BTreeMap<_, _> = traffic
                .into_iter()
                .filter(|traffic| plan.launch.services.contains_key(&traffic.service))
                .map(|traffic| (traffic.service, traffic.listen))
                .collect();
            let places: Vec<String> = addresses
                .iter()
                .map(|(service, at)| format!("{service} at http://{at}"))
                .collect();
            Outcome::Passed {
                detail: places.join(", "),
                receipt: Receipt::Switched { addresses },
            }
        }
    }
}
