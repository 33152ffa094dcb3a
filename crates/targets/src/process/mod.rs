//! The process target: services as processes on this machine, each under a shim, behind the proxy.
