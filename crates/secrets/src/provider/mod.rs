//! Secrets that are kept elsewhere, by reference.
