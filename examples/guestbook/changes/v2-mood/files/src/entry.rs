//! An entry in the guestbook, and what may become one.

use serde::{Deserialize, Serialize};

/// The longest name, in characters.
pub const LONGEST_NAME: usize = 60;
/// The longest message, in characters.
pub const LONGEST_MESSAGE: usize = 500;

/// A line that somebody left.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its place in the book, from 1.
    pub id: i64,
    /// Who signed.
    pub name: String,
    /// What they wrote.
    pub message: String,
    /// The mood they were in, if they said.
    pub mood: Option<Mood>,
    /// When, in seconds since 1970.
    #[serde(skip)]
    pub signed_at: i64,
    /// When, as RFC 3339 in UTC.
    #[serde(rename = "signed_at")]
    pub signed: String,
}

/// A mood to arrive in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mood {
    /// Nothing to complain about.
    Calm,
    /// There was cake.
    Merry,
    /// There were many locks.
    Weary,
    /// There was weather.
    Soaked,
}

impl Mood {
    /// Every mood.
    pub const ALL: [Mood; 4] = [Mood::Calm, Mood::Merry, Mood::Weary, Mood::Soaked];

    /// Its word, in the form, in the database and on the page.
    pub fn word(self) -> &'static str {
        match self {
            Mood::Calm => "calm",
            Mood::Merry => "merry",
            Mood::Weary => "weary",
            Mood::Soaked => "soaked",
        }
    }

    /// The mood of a word. A word that a later release may know is no mood here.
    pub fn of_word(word: &str) -> Option<Mood> {
        Mood::ALL.into_iter().find(|mood| mood.word() == word)
    }
}

/// What somebody typed in the form.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Draft {
    /// Who signs.
    #[serde(default)]
    pub name: String,
    /// What they write.
    #[serde(default)]
    pub message: String,
    /// The mood they choose, or nothing.
    #[serde(default)]
    pub mood: String,
}

/// A draft that may be signed: trimmed, neither empty nor too long, free of control characters.
#[derive(Debug, PartialEq, Eq)]
pub struct Signature {
    /// Who signs.
    pub name: String,
    /// What they write.
    pub message: String,
    /// The mood they are in, if they say.
    pub mood: Option<Mood>,
}

/// What a person should change in their draft.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Complaints {
    /// About the name.
    pub name: Option<String>,
    /// About the message.
    pub message: Option<String>,
}

impl Draft {
    /// Checks the draft.
    pub fn check(&self) -> Result<Signature, Complaints> {
        let name = tidy(&self.name, false);
        let message = tidy(&self.message, true);
        let complaints = Complaints {
            name: complaint(&name, LONGEST_NAME, "Please tell us your name."),
            message: complaint(&message, LONGEST_MESSAGE, "Please leave a line or two."),
        };
        if complaints == Complaints::default() {
            Ok(Signature {
                name,
                message,
                mood: Mood::of_word(&self.mood),
            })
        } else {
            Err(complaints)
        }
    }
}

/// What is wrong with a text, if anything.
fn complaint(text: &str, longest: usize, when_empty: &str) -> Option<String> {
    if text.is_empty() {
        return Some(when_empty.to_owned());
    }
    let length = text.chars().count();
    (length > longest).then(|| format!("That is {length} characters; there is room for {longest}."))
}

/// The text without surrounding space and without characters that HTML or XML cannot carry. Browsers send line breaks
/// as CR LF; the CR goes with the others, the LF stays where lines are wanted and is a space elsewhere.
fn tidy(text: &str, lines: bool) -> String {
    let kept = text.chars().filter_map(|c| match c {
        '\n' if lines => Some('\n'),
        '\n' | '\t' => Some(' '),
        '\u{fffe}' | '\u{ffff}' => None,
        c if c.is_control() => None,
        c => Some(c),
    });
    kept.collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(name: &str, message: &str) -> Result<Signature, Complaints> {
        let draft = Draft {
            name: name.into(),
            message: message.into(),
            ..Draft::default()
        };
        draft.check()
    }

    #[test]
    fn space_and_control_characters_go() {
        let signature = draft("  Ada\tL.\u{0} ", "\r\none\r\ntwo\u{1b}[0m\u{ffff}\n").unwrap();
        assert_eq!(signature.name, "Ada L.");
        assert_eq!(signature.message, "one\ntwo[0m");
    }

    #[test]
    fn lengths_count_characters_not_bytes() {
        assert!(draft(&"é".repeat(LONGEST_NAME), &"é".repeat(LONGEST_MESSAGE)).is_ok());
        let complaints = draft(
            &"é".repeat(LONGEST_NAME + 1),
            &"é".repeat(LONGEST_MESSAGE + 1),
        )
        .unwrap_err();
        assert!(complaints.name.unwrap().contains("61 characters"));
        assert!(complaints.message.unwrap().contains("room for 500"));
    }

    #[test]
    fn a_mood_is_one_of_ours_or_none() {
        for mood in Mood::ALL {
            assert_eq!(Mood::of_word(mood.word()), Some(mood));
        }
        assert_eq!(Mood::of_word(""), None);
        assert_eq!(Mood::of_word("<b>furious</b>"), None);
    }

    #[test]
    fn empty_is_not_enough() {
        let complaints = draft("x", " \r\n ").unwrap_err();
        assert_eq!(complaints.name, None);
        assert!(complaints.message.is_some());
    }
}
