//! What cannot be done is said: with its cause and the way out, with the right exit status, and with nothing half done.

mod builds;
mod disk;
mod manifests;
mod places;
mod rights;
mod stops;

use crate::project::{Project, Ran};

/// Checks that a command line is refused so, and has changed nothing.
fn refused(project: &Project, line: &str, code: i32, says: &[&str]) -> Ran {
    let before = (project.records(), project.processes());
    let ran = project.towpath(line, code).says(says);
    assert_eq!(
        (project.records(), project.processes()),
        before,
        "{}",
        ran.told()
    );
    ran
}
