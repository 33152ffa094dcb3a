//! Patterns in which `*` stands for any run of characters: of branches, and of what is accepted.

/// Whether the pattern names this text.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_is_any_run_of_characters() {
        assert!(matches("feature/*", "feature/a"));
        assert!(matches("feature/*", "feature/a/b"));
        assert!(!matches("feature/*", "features/a"));
        assert!(matches("main", "main"));
        assert!(!matches("main", "maint"));
        assert!(matches("release-*-rc*", "release-1.2-rc1"));
        assert!(!matches("a*a", "a"));
        assert!(matches("*", "anything/at-all"));
        assert!(matches("services.*.instances", "services.web.instances"));
        assert!(!matches("services.*.instances", "services.web.listen"));
    }
}
