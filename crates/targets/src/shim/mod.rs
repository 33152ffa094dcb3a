//! `towpath shim`: the small process between us and a service or a command, which outlives us.
