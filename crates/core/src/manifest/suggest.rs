//! Words for messages: the nearest known name, quoted user text that is never too long, lists.

/// The known name that someone most likely meant.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Nobody mistypes a name into something this long, or has so many; comparing would only cost time.
    if typed.len() > 60 {
        return None;
    }
    let typed = typed.to_lowercase().replace('-', "_");
    known
        .into_iter()
        .take(1000)
        .map(|name| {
            let plain = name.to_lowercase().replace('-', "_");
            (strsim::damerau_levenshtein(&typed, &plain), name)
        })
        .filter(|(distance, name)| *distance <= (name.len().max(typed.len()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// The user's text in quotes, control characters escaped, cut when it is long.
pub(super) fn quoted(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{:?}", format!("{}…", &text[..end])),
        None => format!("{text:?}"),
    }
}

/// `a, b and c`; a dash when there is none, and only the first of very many.
pub(super) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const MOST: usize = 12;
    let names: Vec<&str> = names.into_iter().collect();
    match names.as_slice() {
        [] => "-".to_owned(),
        [one] => (*one).to_owned(),
        [..] if names.len() > MOST => format!("{}, …", names[..MOST].join(", ")),
        [start @ .., last] => format!("{} and {last}", start.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found() {
        let known = ["build", "artifact", "start", "sign_off", "same_as"];
        assert_eq!(nearest("biuld", known), Some("build"));
        assert_eq!(nearest("signoff", known), Some("sign_off"));
        assert_eq!(nearest("same-as", known), Some("same_as"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest(&"b".repeat(1_000_000), known), None);
    }

    #[test]
    fn long_text_is_cut_and_control_characters_are_escaped() {
        assert_eq!(quoted("a\0b"), r#""a\0b""#);
        assert!(quoted(&"é".repeat(100_000)).len() < 200);
    }

    #[test]
    fn lists_read_well() {
        assert_eq!(list(["a"]), "a");
        assert_eq!(list(["a", "b", "c"]), "a, b and c");
        assert_eq!(list([]), "-");
    }
}
