//! Where the generated text stands on a page that people write too: between two comments.

/// What begins the generated part, and the line that is written.
const BEGIN: &str = "<!-- towpath:begin";
const BEGIN_LINE: &str = "<!-- towpath:begin: made by `towpath docs` from towpath.toml; what is written here is lost -->";
const END_LINE: &str = "<!-- towpath:end -->";

/// Why a page cannot take the generated text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MarkError {
    /// It has no comments between which it could stand.
    #[error("the page has no place for what is generated")]
    None,
    /// It has one of them only, more than one pair, or has them in the wrong order.
    #[error("the page's comments that enclose what is generated are not one pair")]
    NotAPair,
}

impl MarkError {
    /// The way out.
    pub fn help(self) -> String {
        match self {
            MarkError::None => format!(
                "write these two lines where it should stand:\n    {BEGIN} -->\n    {END_LINE}"
            ),
            MarkError::NotAPair => {
                format!("leave one `{BEGIN} -->`, and one `{END_LINE}` after it")
            }
        }
    }
}

/// Puts generated text into a page, in place of what was generated before; all else stays as it is. Without a page it makes one.
pub fn put_into(page: Option<&str>, generated: &str) -> Result<String, MarkError> {
    // A command that prints our own comments must not end what is generated.
    let generated = generated.replace("<!-- towpath:", "<! -- towpath:");
    let Some(page) = page else {
        return Ok(format!(
            "{BEGIN_LINE}\n\n{}\n\n{END_LINE}\n",
            generated.trim_end()
        ));
    };
    let begins: Vec<usize> = page.match_indices(BEGIN).map(|(at, _)| at).collect();
    let ends: Vec<usize> = page.match_indices(END_LINE).map(|(at, _)| at).collect();
    let (begin, end) = match (begins.as_slice(), ends.as_slice()) {
        ([], []) => return Err(MarkError::None),
        ([begin], [end]) if begin < end => (*begin, *end),
        _ => return Err(MarkError::NotAPair),
    };
    let newline = if page.contains("\r\n") { "\r\n" } else { "\n" };
    let generated = generated.trim_end().replace('\n', newline);
    Ok(format!(
        "{}{BEGIN_LINE}{newline}{newline}{generated}{newline}{newline}{}",
        &page[..begin],
        &page[end..]
    ))
}
