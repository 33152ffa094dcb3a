//! towpath
fn main() {}
