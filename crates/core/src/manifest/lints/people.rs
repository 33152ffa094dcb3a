//! People: somebody may use each environment.

use super::Look;
use crate::manifest::{Environment, code, report::Draft, suggest::list};

pub(super) fn check(look: &Look<'_>) {
    // Without any role, everybody may do everything.
    if look.manifest.roles.is_empty() {
        return;
    }
    let environments = look
        .manifest
        .environments
        .iter()
        .zip(&look.places.environments);
    for (environment, place) in environments {
        if !is_closed(environment) {
            continue;
        }
        let name = environment.name.as_str();
        let message = format!("nobody may deploy to `{name}`, or retry what went wrong there");
        let roles = look.manifest.roles.keys().map(|role| role.as_str());
        let help = format!(
            "name those who may: `used_by = [\"…\"]` in [environments.{name}]; the roles are {}",
            list(roles)
        );
        let draft = Draft::warning(code::NOBODY_MAY_USE, &place.name, message, help);
        look.report.add(draft);
    }
}

/// Whether no role may deploy there. A role that nobody holds, and an environment that nothing comes to, are told as that.
fn is_closed(environment: &Environment) -> bool {
    let has_way_in = environment.branch.is_some() || !environment.after.is_empty();
    match &environment.allow.deploy {
        // Said so, and pushes still come.
        Some(roles) => roles.is_empty() && environment.branch.is_none() && has_way_in,
        None => environment.used_by.is_empty() && has_way_in,
    }
}
