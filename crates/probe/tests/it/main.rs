//! Every kind of thing, seen as it should be and as it should not, on servers that are real where there are any.
