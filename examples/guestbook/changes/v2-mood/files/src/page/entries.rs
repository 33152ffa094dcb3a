//! The newest entries, or an invitation where there are none.

use std::fmt::{self, Write};

use super::fingerprint;
use crate::{
    entry::{Entry, Mood},
    store::Newest,
    text::{Ago, Escaped, Grouped},
};

/// Writes the entries.
pub fn write(html: &mut String, newest: &Newest) -> fmt::Result {
    let Newest {
        entries,
        total,
        now,
    } = newest;
    html.write_str("<section class=\"book\">\n")?;
    if entries.is_empty() {
        html.write_str(
            "<div class=\"card blank\"><h2>A blank page</h2><p>Nobody has signed yet. The pen is yours.</p></div>\n",
        )?;
        return html.write_str("</section>\n");
    }
    let shown = match i64::try_from(entries.len()) {
        Ok(shown) if shown < *total => format!(", the newest {shown} shown"),
        _ => String::new(),
    };
    write!(
        html,
        "<h2>{} {} so far<small>{shown}</small></h2>\n<ol class=\"entries\">\n",
        Grouped(*total),
        if *total == 1 { "line" } else { "lines" },
    )?;
    for entry in entries {
        line(html, entry, *now)?;
    }
    html.write_str("</ol></section>\n")
}

/// One entry.
fn line(html: &mut String, entry: &Entry, now: i64) -> fmt::Result {
    let initial = entry.name.chars().find(|c| c.is_alphanumeric());
    let initial = initial.unwrap_or('~').to_uppercase();
    let paint = fingerprint(&entry.name) % 6;
    let mood = match entry.mood.map(Mood::word) {
        Some(word) => format!(" <span class=\"mood {word}\">{word}</span>"),
        None => String::new(),
    };
    writeln!(
        html,
        "<li class=\"card entry\" id=\"entry-{id}\"><span class=\"initial paint-{paint}\" aria-hidden=\"true\">{initial}</span>\
         <p class=\"who\"><b><bdi>{name}</bdi></b> <time datetime=\"{signed}\">{ago}</time>{mood}</p>\
         <p class=\"message\" dir=\"auto\">{message}</p></li>",
        id = entry.id,
        name = Escaped(&entry.name),
        signed = entry.signed,
        ago = Ago(now - entry.signed_at),
        message = Escaped(&entry.message),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(entries: Vec<Entry>, total: i64) -> String {
        let newest = Newest {
            entries,
            total,
            now: 120,
        };
        let mut html = String::new();
        write(&mut html, &newest).unwrap();
        html
    }

    #[test]
    fn an_entry_is_shown_and_disarmed() {
        let entry = Entry {
            id: 1,
            name: "<b>Ada".into(),
            message: "\"quoted\" & <script>".into(),
            mood: Some(Mood::Soaked),
            ..Entry::default()
        };
        let html = written(vec![entry], 1);
        assert!(html.contains("1 line so far"));
        assert!(html.contains("2 minutes ago"));
        assert!(html.contains("<span class=\"mood soaked\">soaked</span>"));
        assert!(html.contains("<bdi>&lt;b&gt;Ada</bdi>"));
        assert!(html.contains("&quot;quoted&quot; &amp; &lt;script&gt;"));
        assert!(!html.contains("<script>"));
    }

    #[test]
    fn it_is_said_when_not_all_are_shown() {
        assert!(
            written(vec![Entry::default()], 1_234)
                .contains("1,234 lines so far<small>, the newest 1 shown")
        );
        assert!(written(Vec::new(), 0).contains("A blank page"));
    }
}
