//! Everything that needs real processes, files and sockets.

mod process;
mod proxy;
mod rig;
mod shim;
