//! The shim by itself.
