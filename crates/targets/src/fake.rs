//! A scripted target in memory, with faults.
