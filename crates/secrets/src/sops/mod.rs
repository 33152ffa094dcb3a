//! Secret files in the SOPS format.
