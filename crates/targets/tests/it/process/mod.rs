//! Jobs and instances as processes.

mod jobs;
