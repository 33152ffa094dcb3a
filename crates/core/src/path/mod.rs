//! The path: how a release travels from environment to environment, as a pure state machine.
//!
//! `decide(state, actor, command, now)` says which events a command makes, or why it is refused;
//! `evolve(state, event)` says what an event changes; `advance` makes the events that need nobody's
//! command; `next` says what is to be done in the world. Nothing here acts.

mod actor;
mod advance;
mod backfill;
mod clone;
mod command;
mod decide;
mod drift;
mod event;
mod evidence;
mod evolve;
mod freeze;
mod gate;
mod next;
mod no_return;
mod outlook;
mod parity;
mod plan;
mod policy;
mod promise;
mod refusal;
mod rehearsal;
mod release;
mod rollback;
mod schema;
mod shared;
mod state;
#[cfg(test)]
mod tests;
mod way_back;

pub use actor::*;
pub use advance::*;
pub use backfill::*;
pub use clone::{Cloned, ClonedDatabase, clone_to_remove, cloning_first, on_clone};
pub use command::*;
pub use decide::*;
pub use drift::{Drift, Look, Looked, Sought, to_look_at};
pub use event::*;
pub use evidence::*;
pub use evolve::*;
pub use freeze::*;
pub use gate::*;
pub use next::*;
pub use no_return::{Crossed, PointOfNoReturn, points_of_no_return};
pub use outlook::*;
pub use parity::{Mirrored, observed};
pub use plan::*;
pub use policy::*;
pub use refusal::*;
pub use rehearsal::{Rehearsal, Station, rehearsed_deploy, rehearsed_return, station, stopped};
pub(crate) use release::line;
pub use release::*;
use rollback::live_tenants;
pub use rollback::*;
pub use schema::*;
use schema::{has, migrated};
pub use shared::changed_by;
pub use state::*;
pub use way_back::*;
