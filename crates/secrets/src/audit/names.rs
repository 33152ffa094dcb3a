//! What names mean where they are used: imports, aliases and constants, by the scopes of one file.

use std::collections::{HashMap, hash_map::Entry};

/// So many steps an alias of an alias is followed.
const STEPS: usize = 4;

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Binding {
    /// A text that never changes.
    Text(String),
    /// Something else, by its full name: `process.env`, `std.env.var`.
    Path(String),
    /// Anything else. It hides what the name stands for further out.
    Other,
}

/// The names of a file, and those that are visible at one place of it.
#[derive(Default)]
pub(super) struct Names<'t> {
    /// By scope, which is the id of its node.
    declared: HashMap<usize, HashMap<&'t str, Binding>>,
    /// The innermost last.
    visible: HashMap<&'t str, Vec<Binding>>,
}

impl<'t> Names<'t> {
    /// Adds a name to a scope. One that stands for two things stands for neither.
    pub(super) fn declare(&mut self, scope: usize, name: &'t str, binding: Binding) {
        match self.declared.entry(scope).or_default().entry(name) {
            Entry::Vacant(free) => {
                free.insert(binding);
            }
            Entry::Occupied(mut taken) if *taken.get() != binding => {
                taken.insert(Binding::Other);
            }
            Entry::Occupied(_) => {}
        }
    }

    /// Makes the names of a scope visible.
    pub(super) fn enter(&mut self, scope: usize) {
        for (name, binding) in self.declared.get(&scope).into_iter().flatten() {
            self.visible.entry(name).or_default().push(binding.clone());
        }
    }

    /// Hides them again.
    pub(super) fn leave(&mut self, scope: usize) {
        for name in self
            .declared
            .get(&scope)
            .into_iter()
            .flatten()
            .map(|(name, _)| name)
        {
            if let Some(bindings) = self.visible.get_mut(name) {
                bindings.pop();
            }
        }
    }

    fn binding(&self, name: &str) -> Option<&Binding> {
        self.visible.get(name)?.last()
    }

    /// The text that a constant has.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        match self.binding(name)? {
            Binding::Text(text) => Some(text.clone()),
            Binding::Path(_) | Binding::Other => None,
        }
    }

    /// The full name of what these segments mean here, joined by dots, or nothing where a name of this file hides it.
    pub(super) fn meaning(&self, segments: &[&str]) -> Option<String> {
        let mut path = segments.join(".");
        for _ in 0..STEPS {
            let (head, rest) = path.split_once('.').unwrap_or((&path, ""));
            let meant = match self.binding(head) {
                None => return Some(path),
                Some(Binding::Path(meant)) => meant,
                Some(Binding::Text(_) | Binding::Other) => return None,
            };
            let own = meant.split('.').next() == Some(head);
            let next = if rest.is_empty() {
                meant.clone()
            } else {
                format!("{meant}.{rest}")
            };
            if own {
                return Some(next);
            }
            path = next;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_binding_counts_and_aliases_are_followed() {
        let mut names = Names::default();
        names.declare(1, "o", Binding::Path("os".into()));
        names.declare(1, "e", Binding::Path("o.environ".into()));
        names.declare(2, "o", Binding::Other);
        names.enter(1);
        assert_eq!(
            names.meaning(&["e", "get"]).as_deref(),
            Some("os.environ.get")
        );
        names.enter(2);
        assert_eq!(names.meaning(&["o", "getenv"]), None);
        names.leave(2);
        assert_eq!(
            names.meaning(&["o", "getenv"]).as_deref(),
            Some("os.getenv")
        );
    }

    #[test]
    fn aliases_in_a_circle_mean_nothing() {
        let mut names = Names::default();
        names.declare(1, "a", Binding::Path("b".into()));
        names.declare(1, "b", Binding::Path("a".into()));
        names.enter(1);
        assert_eq!(names.meaning(&["a"]), None);
    }

    #[test]
    fn a_constant_that_is_two_texts_is_none() {
        let mut names = Names::default();
        names.declare(1, "K", Binding::Text("A".into()));
        names.enter(1);
        assert_eq!(names.text("K").as_deref(), Some("A"));
        names.leave(1);
        names.declare(1, "K", Binding::Text("B".into()));
        names.enter(1);
        assert_eq!(names.text("K"), None);
    }
}
