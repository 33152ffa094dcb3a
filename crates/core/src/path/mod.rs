//! The path: how a release travels from environment to environment, as a pure state machine.
