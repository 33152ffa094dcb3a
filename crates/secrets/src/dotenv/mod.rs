//! Dotenv files, read and written as the tools that people use do.
