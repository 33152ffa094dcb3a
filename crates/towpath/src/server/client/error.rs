//! Why there is no answer, or a refusal.

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The server said why.
    #[error("{message}")]
    Api {
        /// The HTTP status.
        status: u16,
        /// A stable code.
        code: String,
        /// What is wrong.
        message: String,
        /// The way out.
        help: String,
    },
    /// It could not be asked.
    #[error("could not ask the server: {0}")]
    Unreachable(String),
    /// It said something that this version does not know.
    #[error("the server's answer makes no sense: {0}")]
    Nonsense(String),
}
