//! Killed at any point, the path goes on where it was: nothing is lost, and no effect happens twice.

mod any_moment;
mod every_point;
mod jobs;
mod long_lived;
mod pushes;
mod watch;

use crate::{
    project::{Project, Ran},
    walk::Step,
};

/// Runs a step's command line, killed at its nth point if it comes that far.
fn killed_at(project: &Project, step: &Step, line: &str, point: usize) -> Ran {
    project.ask(line).by(step.by()).dies_at(point).run()
}

/// Runs a step's command line undisturbed.
fn undisturbed(project: &Project, step: &Step, line: &str) -> Ran {
    project.ask(line).by(step.by()).run()
}
