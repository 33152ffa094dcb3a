//! Everything that needs real processes, files and sockets.

mod process;
mod rig;
mod shim;
