//! Who makes something happen.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A person, or Towpath itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Actor {
    /// Someone with an e-mail address.
    Person {
        /// The address, in lower case.
        email: String,
        /// The identity provider's groups, where a server has authenticated the person.
        groups: Vec<String>,
    },
    /// Towpath, acting on what it was told before.
    Towpath,
}

impl Actor {
    /// A person known by an address only.
    pub fn person(email: &str) -> Actor {
        Actor::Person {
            email: email.trim().to_lowercase(),
            groups: Vec::new(),
        }
    }

    /// The person's address.
    pub fn email(&self) -> Option<&str> {
        match self {
            Actor::Person { email, .. } => Some(email),
            Actor::Towpath => None,
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.email().unwrap_or("towpath"))
    }
}
