//! What every driver of `Target` must do.
