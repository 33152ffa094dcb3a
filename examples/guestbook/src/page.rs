//! The pages people see: their frame is here, what stands in it is in the modules. Whatever somebody typed goes through [`Escaped`].

mod entries;
mod form;

use std::fmt::{self, Write};

use crate::{
    entry::{Complaints, Draft},
    settings::Settings,
    store::Newest,
    text::Escaped,
};

/// The style sheet.
pub const STYLE: &str = include_str!("../assets/style.css");

/// The picture above every page.
const SCENE: &str = include_str!("../assets/scene.svg");

/// What is the same on every page of a running release: written once, at the start.
pub struct Frame {
    above: String,
    below: String,
}

impl Frame {
    /// The frame that tells which release is running.
    pub fn new(settings: &Settings) -> Self {
        let release = &settings.release;
        let name = release.name.as_deref();
        let environment = release.environment.as_deref();
        let place: Vec<String> = [environment, name]
            .into_iter()
            .flatten()
            .map(|text| Escaped(text).to_string())
            .collect();
        let place = match place.join(" · ") {
            text if text.is_empty() => text,
            text => format!("<p class=\"place\">{text}</p>"),
        };
        let mut running = match name {
            Some(name) => format!("release <b>{}</b>", Escaped(name)),
            None => "not released yet".to_owned(),
        };
        if let Some(commit) = &release.commit {
            let short = commit.get(..7).unwrap_or(commit);
            running += &format!(" · <code>{}</code>", Escaped(short));
        }
        if let Some(environment) = environment {
            running += &format!(" · {}", Escaped(environment));
        }
        let above = format!(
            r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>The Lock House Guestbook</title>
<link rel="stylesheet" href="/style.css?{style:x}">
<link rel="alternate" type="application/atom+xml" href="/feed.xml" title="New entries">
<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' rx='7' fill='%23234d43'/%3E%3Cpath d='M4 18h20l4-5v8q0 3-3 3H7q-3 0-3-3z' fill='%23f4ead5'/%3E%3Crect x='7' y='11' width='13' height='5' rx='1' fill='%23c8402f'/%3E%3C/svg%3E">
</head>
<body>
<header class="scene">
{SCENE}{place}
<div class="board"><h1>The Lock House Guestbook</h1><p>{welcome}</p></div>
</header>
"#,
            style = fingerprint(STYLE),
            welcome = Escaped(&settings.welcome),
        );
        let below = format!(
            "<footer><p>{running}</p><p><a href=\"/feed.xml\">Feed</a> · <a href=\"/api/entries\">JSON</a></p></footer>\n\
             </body>\n</html>\n"
        );
        Frame { above, below }
    }

    /// A page: the frame, and what is written between its parts.
    fn around(&self, inner: impl FnOnce(&mut String) -> fmt::Result) -> String {
        let mut html = String::with_capacity(self.above.len() + self.below.len() + 24 * 1024);
        html.push_str(&self.above);
        // Writing to a string does not fail.
        let _ = inner(&mut html);
        html.push_str(&self.below);
        html
    }
}

/// The guestbook: the form, with what was typed and what is wrong with it, and the newest entries.
pub fn book(frame: &Frame, newest: &Newest, draft: &Draft, complaints: &Complaints) -> String {
    frame.around(|html| {
        html.write_str("<main>\n")?;
        form::write(html, draft, complaints)?;
        entries::write(html, newest)?;
        html.write_str("</main>\n")
    })
}

/// The page for an address that there is not.
pub fn missing(frame: &Frame) -> String {
    frame.around(|html| {
        html.write_str(
            "<main class=\"alone\"><section class=\"card\"><h2>No such mooring</h2>\
             <p>There is nothing at this address. <a href=\"/\">Back to the guestbook</a></p></section></main>\n",
        )
    })
}

/// A number that tells texts apart (FNV-1a, <http://www.isthe.com/chongo/tech/comp/fnv/>).
fn fingerprint(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Release;

    #[test]
    fn the_frame_tells_what_is_running() {
        let settings = Settings {
            welcome: "Welcome & hello".into(),
            release: Release {
                name: Some("v42".into()),
                commit: Some("0123456789".into()),
                environment: Some("staging".into()),
            },
            ..Settings::default()
        };
        let html = missing(&Frame::new(&settings));
        assert!(html.contains("<p>Welcome &amp; hello</p>"));
        assert!(html.contains("release <b>v42</b> · <code>0123456</code> · staging"));
        assert!(html.contains("<p class=\"place\">staging · v42</p>"));
        let html = missing(&Frame::new(&Settings::default()));
        assert!(html.contains("not released yet"));
        assert!(!html.contains("class=\"place\""));
    }
}
