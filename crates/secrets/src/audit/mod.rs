//! Which variables source code reads from its environment, and where.
