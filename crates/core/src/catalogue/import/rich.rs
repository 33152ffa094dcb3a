//! Words of a page, some of which stand out.

/// Words, some of which stand out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Rich(pub(super) Vec<Span>);

/// Words that look alike.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Span {
    pub(super) text: String,
    pub(super) look: Look,
    pub(super) link: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Look {
    #[default]
    Plain,
    Strong,
    Emphasis,
    Code,
}

impl Rich {
    /// Without spaces that are not seen.
    pub(super) fn tidy(self) -> Rich {
        let mut tidy: Vec<Span> = Vec::new();
        let mut was_space = true;
        for span in self.0 {
            let mut text = String::with_capacity(span.text.len());
            for letter in span.text.chars() {
                let is_space = letter.is_whitespace();
                if !is_space {
                    text.push(letter);
                } else if !was_space {
                    text.push(' ');
                }
                was_space = is_space;
            }
            match tidy.last_mut() {
                Some(last) if last.look == span.look && last.link == span.link => {
                    last.text.push_str(&text);
                }
                _ if text.is_empty() => {}
                _ => tidy.push(Span { text, ..span }),
            }
        }
        if let Some(last) = tidy.last_mut() {
            last.text.truncate(last.text.trim_end().len());
        }
        let mut rich = Rich(tidy);
        rich.0.retain(|span| !span.text.is_empty());
        rich
    }

    /// Without `{% … %}`, which GitBook has for what Markdown has not.
    pub(super) fn without_tags(mut self) -> Rich {
        for span in &mut self.0 {
            while let Some(start) = span.text.find("{%") {
                let Some(length) = span.text[start..].find("%}") else {
                    break;
                };
                span.text.replace_range(start..start + length + 2, "");
            }
        }
        if let Some(first) = self.0.first_mut() {
            first.text = first.text.trim_start().to_owned();
        }
        if let Some(last) = self.0.last_mut() {
            last.text.truncate(last.text.trim_end().len());
        }
        self.0.retain(|span| !span.text.is_empty());
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The words alone.
    pub(super) fn text(&self) -> String {
        let text: String = self.0.iter().map(|span| span.text.as_str()).collect();
        text.trim().to_owned()
    }

    /// The first way to somewhere else.
    pub(super) fn link(&self) -> Option<&str> {
        self.0.iter().find_map(|span| span.link.as_deref())
    }

    /// What is written as code.
    pub(super) fn codes(&self) -> impl Iterator<Item = &str> {
        let codes = self.0.iter().filter(|span| span.look == Look::Code);
        codes.map(|span| span.text.as_str())
    }

    /// The words before the first colon, where they are short or stand out, and those after it.
    pub(super) fn labelled(&self) -> Option<(String, Rich)> {
        let mut label = String::new();
        for (at, span) in self.0.iter().enumerate() {
            if let Some(colon) = span.text.find([':', '：']) {
                label.push_str(&span.text[..colon]);
                let width = span.text[colon..].chars().next().map_or(1, char::len_utf8);
                let mut rest = vec![Span {
                    text: span.text[colon + width..].to_owned(),
                    ..span.clone()
                }];
                rest.extend(self.0[at + 1..].iter().cloned());
                let label = label.trim().to_owned();
                let is_short = !label.is_empty() && label.chars().count() <= 40;
                return is_short.then(|| (label, Rich(rest).tidy()));
            }
            label.push_str(&span.text);
            if label.chars().count() > 60 {
                return None;
            }
        }
        None
    }
}
