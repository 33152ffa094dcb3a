//! The integration tests of secrets: a module per subject.
