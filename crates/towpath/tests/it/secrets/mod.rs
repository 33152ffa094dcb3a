//! Configuration and secrets, from the file in the repository to the process that uses them, and nowhere else.

mod canary;
mod kill;
mod parity;
mod rig;
mod rights;
mod rollout;
mod run;
