//! The form to sign with, with what was typed and what is wrong with it.

use std::fmt::{self, Write};

use crate::{
    entry::{Complaints, Draft, LONGEST_MESSAGE, LONGEST_NAME, Mood},
    text::Escaped,
};

/// Writes the form.
pub fn write(html: &mut String, draft: &Draft, complaints: &Complaints) -> fmt::Result {
    html.write_str(
        "<section class=\"card pen\"><h2>Sign the book</h2>\n<form method=\"post\" action=\"/entries\">\n",
    )?;
    write!(
        html,
        "<label for=\"name\">Your name, or your boat’s</label>\n\
         <input id=\"name\" name=\"name\" required maxlength=\"{LONGEST_NAME}\" autocomplete=\"name\" value=\"{}\"{}>\n",
        Escaped(&draft.name),
        describes("name", &complaints.name),
    )?;
    complaint(html, "name", &complaints.name)?;
    // The line break after the tag is dropped by browsers, one in the message is not.
    write!(
        html,
        "<label for=\"message\">A line for those who come after</label>\n\
         <textarea id=\"message\" name=\"message\" required maxlength=\"{LONGEST_MESSAGE}\" rows=\"4\"{}>\n{}</textarea>\n",
        describes("message", &complaints.message),
        Escaped(&draft.message),
    )?;
    complaint(html, "message", &complaints.message)?;
    moods(html, &draft.mood)?;
    html.write_str("<button>Sign</button>\n</form></section>\n")
}

/// The moods to choose from.
fn moods(html: &mut String, chosen: &str) -> fmt::Result {
    html.write_str("<fieldset class=\"moods\"><legend>Your mood, if you like</legend>\n")?;
    for mood in Mood::ALL {
        let word = mood.word();
        let checked = if word == chosen { " checked" } else { "" };
        writeln!(
            html,
            "<label class=\"mood {word}\"><input type=\"radio\" name=\"mood\" value=\"{word}\"{checked}>{word}</label>"
        )?;
    }
    html.write_str("</fieldset>\n")
}

/// The attributes that tie a field to what is wrong with it.
fn describes(field: &str, complaint: &Option<String>) -> String {
    match complaint {
        Some(_) => format!(" aria-invalid=\"true\" aria-describedby=\"{field}-complaint\""),
        None => String::new(),
    }
}

/// What is wrong with a field.
fn complaint(html: &mut String, field: &str, complaint: &Option<String>) -> fmt::Result {
    match complaint {
        Some(text) => writeln!(
            html,
            "<p class=\"complaint\" id=\"{field}-complaint\">{}</p>",
            Escaped(text)
        ),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_stands_beside_what_was_typed() {
        let draft = Draft {
            name: "Ada \"Lovelace\"".into(),
            mood: "merry".into(),
            ..Draft::default()
        };
        let complaints = Complaints {
            message: Some("Please leave a line or two.".into()),
            ..Complaints::default()
        };
        let mut html = String::new();
        write(&mut html, &draft, &complaints).unwrap();
        assert!(html.contains("value=\"Ada &quot;Lovelace&quot;\">"));
        assert!(html.contains("id=\"message-complaint\">Please leave"));
        assert!(html.contains("aria-describedby=\"message-complaint\""));
        assert!(!html.contains("name-complaint"));
        assert!(html.contains("value=\"merry\" checked>merry"));
        assert_eq!(html.matches(" checked").count(), 1);
    }
}
