//! A server on a scratch project: its API, what it shows on TCP, how it lives and ends.

mod api;
mod events;
mod hostile;
mod life;
mod outputs;
mod port;
mod rig;
