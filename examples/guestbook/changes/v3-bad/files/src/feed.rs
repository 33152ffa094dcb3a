//! The Atom feed (RFC 4287) of the newest entries, and the copy of it that is served again while it is fresh.

use std::{
    fmt::{self, Write},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, SystemTimeError},
};

use crate::{store::Newest, text::Escaped};

/// The feed's media type.
pub const MEDIA_TYPE: &str = "application/atom+xml; charset=utf-8";

/// The feed as it was last rendered.
pub struct Kept {
    keep: Duration,
    copy: Mutex<Option<Rendered>>,
}

/// A rendered feed.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// Its XML.
    pub xml: String,
    /// Until when it may be served.
    expires: SystemTime,
}

impl Kept {
    /// Keeps a copy for this long; for no time at all, none.
    pub fn new(keep: Duration) -> Self {
        Kept {
            keep,
            copy: Mutex::new(None),
        }
    }

    /// The copy, if there is one that is fresh.
    pub fn fresh(&self) -> Result<Option<Rendered>, SystemTimeError> {
        match &*self.copy() {
            Some(copy) if !copy.good_for()?.is_zero() => Ok(Some(copy.clone())),
            _ => Ok(None),
        }
    }

    /// Keeps what was just rendered.
    pub fn put(&self, xml: String) -> Rendered {
        let expires = SystemTime::now() + self.keep;
        let rendered = Rendered { xml, expires };
        if !self.keep.is_zero() {
            *self.copy() = Some(rendered.clone());
        }
        rendered
    }

    fn copy(&self) -> MutexGuard<'_, Option<Rendered>> {
        // A copy is replaced as a whole, so it is never half of one.
        self.copy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rendered {
    /// How long it may still be served.
    fn good_for(&self) -> Result<Duration, SystemTimeError> {
        self.expires.duration_since(SystemTime::now())
    }
}

/// The feed's XML.
pub fn feed(newest: &Newest) -> String {
    let mut xml = String::with_capacity(1024 + newest.entries.len() * 512);
    // Writing to a string does not fail.
    let _ = write(&mut xml, newest);
    xml
}

fn write(xml: &mut String, newest: &Newest) -> fmt::Result {
    let updated = match newest.entries.first() {
        Some(entry) => &entry.signed,
        None => "1970-01-01T00:00:00Z",
    };
    write!(
        xml,
        r#"<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
<id>tag:guestbook.example,2026:entries</id>
<title>The Lock House Guestbook</title>
<link rel="alternate" href="/"/>
<link rel="self" href="/feed.xml"/>
<updated>{updated}</updated>
"#
    )?;
    for entry in &newest.entries {
        writeln!(
            xml,
            "<entry><id>tag:guestbook.example,2026:entries/{id}</id><title>{name} was here</title>\
             <link href=\"/#entry-{id}\"/><author><name>{name}</name></author><updated>{signed}</updated>\
             <content type=\"text\">{message}</content></entry>",
            id = entry.id,
            name = Escaped(&entry.name),
            signed = entry.signed,
            message = Escaped(&entry.message),
        )?;
    }
    xml.write_str("</feed>\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Entry;

    #[test]
    fn entries_are_escaped_and_the_newest_dates_the_feed() {
        let entry = Entry {
            id: 7,
            name: "A & B".into(),
            message: "<hello>".into(),
            signed: "2026-11-21T08:00:00Z".into(),
            ..Entry::default()
        };
        let xml = feed(&Newest {
            entries: vec![entry],
            total: 7,
            now: 0,
        });
        assert!(xml.contains("</title>\n<link rel=\"alternate\" href=\"/\"/>"));
        assert!(xml.contains("<updated>2026-11-21T08:00:00Z</updated>\n<entry>"));
        assert!(xml.contains("<title>A &amp; B was here</title>"));
        assert!(xml.contains(">&lt;hello&gt;</content>"));
    }

    #[test]
    fn a_copy_is_served_again() {
        let kept = Kept::new(Duration::from_secs(60));
        assert!(kept.fresh().unwrap().is_none());
        kept.put("<feed/>".into());
        let copy = kept.fresh().unwrap().unwrap();
        assert_eq!(copy.xml, "<feed/>");
        assert!(copy.good_for().unwrap() <= Duration::from_secs(60));
    }

    #[test]
    fn without_a_time_nothing_is_kept() {
        let kept = Kept::new(Duration::ZERO);
        kept.put("<feed/>".into());
        assert!(kept.fresh().unwrap().is_none());
    }

    #[test]
    fn an_empty_feed_is_still_dated() {
        let xml = feed(&Newest {
            entries: Vec::new(),
            total: 0,
            now: 0,
        });
        assert!(xml.contains("<updated>1970-01-01T00:00:00Z</updated>\n</feed>"));
    }
}
