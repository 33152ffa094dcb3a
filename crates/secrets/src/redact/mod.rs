//! Takes secrets out of what is printed.
