//! The path, tested as a whole: `world` is a project to play in, `sim` plays and checks after every event.

mod check;
mod moves;
mod play;
mod sim;
mod world;

mod backfills;
mod drift;
mod events;
mod holds;
mod no_return;
mod outlook;
mod pains;
mod parity;
mod promises;
mod queue;
mod random;
mod rehearsals;
mod retries;
mod rights;
mod rollbacks;
mod schema;
mod shared;
mod signatures;
mod stops;
mod undoing;
mod way_back;
