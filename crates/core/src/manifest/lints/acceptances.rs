//! What is accepted: it still is, and for a while.

use jiff::ToSpan;

use super::{Look, sharing::Told};
use crate::manifest::{Acceptance, code, report::Draft};

/// So many days before an acceptance ends, it is said that it will.
const SOON: i64 = 14;

pub(super) fn check(look: &Look<'_>, told: &Told<'_>) {
    for (at, environment) in look.manifest.environments.iter().enumerate() {
        let places = look.places.0[at].accept.iter();
        for (acceptance, place) in environment.accept.iter().zip(places) {
            if told.contains(&(at, acceptance.difference.as_str())) {
                continue;
            }
            check_end(look, acceptance, place);
        }
    }
}

fn check_end(look: &Look<'_>, acceptance: &Acceptance, place: &std::ops::Range<usize>) {
    let Acceptance {
        difference,
        owner,
        until,
        ..
    } = acceptance;
    let draft = if !acceptance.holds(look.today) {
        let message = format!("`{difference}` is accepted no more: that ended on {until}");
        let help = format!(
            "remove this if it is put right; else ask {owner}, and set `until` to a later day"
        );
        Draft::warning(code::ACCEPTANCE_ENDED, place, message, help)
    } else if acceptance.holds(look.today.saturating_add(SOON.days())) {
        return;
    } else {
        let message = format!("`{difference}` is accepted only until {until}");
        let help = format!(
            "put it right until then, or ask {owner} whether it may stay, and set `until` to a later day"
        );
        Draft::warning(code::ACCEPTANCE_ENDS, place, message, help)
    };
    look.report.add(draft);
}
