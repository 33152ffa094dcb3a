//! The manifest that a new project starts with.

/// The text of a manifest for a new project: small, commented, and valid once `project` is a name.
///
/// Whatever cannot be part of a name becomes a hyphen, so the name of a directory will do.
pub fn starter(project: &str) -> String {
    include_str!("starter.toml").replace("PROJECT", &name_from(project))
}

fn name_from(text: &str) -> String {
    let lower = text.to_lowercase();
    let words = lower
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let name: String = words.collect::<Vec<_>>().join("-");
    let name: String = name
        .trim_start_matches(|c: char| !c.is_ascii_lowercase())
        .chars()
        .take(40)
        .collect();
    match name.trim_end_matches('-') {
        "" => "app".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::parse;

    #[test]
    fn it_parses_without_a_word() {
        let text = starter("guestbook");
        let parsed = parse(&text, "towpath.toml").unwrap();
        assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
        let names: Vec<_> = parsed
            .manifest
            .environments
            .iter()
            .map(|e| e.name.as_str())
            .collect();
        assert_eq!(names, ["local", "development", "staging", "production"]);
        assert!(text.lines().count() <= 60);
    }

    #[test]
    fn what_is_commented_out_is_valid_too() {
        let text: String = starter("guestbook")
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(rest) if rest.starts_with('[') || rest.contains(" = ") => rest,
                _ => line,
            })
            .map(|line| format!("{line}\n"))
            .collect();
        let parsed = parse(&text, "towpath.toml").unwrap();
        assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
        assert_eq!(parsed.manifest.roles.len(), 2);
    }

    #[test]
    fn any_directory_gives_a_name() {
        for (directory, expected) in [
            ("My App_2", "my-app-2"),
            ("2048", "app"),
            ("", "app"),
            ("--", "app"),
            ("ünïcode", "n-code"),
            ("PROJECT", "project"),
        ] {
            assert_eq!(name_from(directory), expected);
        }
        let long = name_from(&"ab-".repeat(40));
        assert!(crate::names::is_name(&long), "{long}");
    }
}
