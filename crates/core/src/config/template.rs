//! Values with placeholders: `${OTHER_KEY}`, `${resource.identity.id}`. `$${` stands for `${` itself; any other `$` is one.

/// A part of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Itself.
    Text(String),
    /// The value of another key.
    Key(String),
    /// What is said of a resource of the environment.
    Resource {
        /// Its name.
        name: String,
        /// Which of its keys, such as `id`.
        field: String,
    },
    /// The URL of a database.
    Database(String),
    /// What is said of the environment: `name`, `group`, `url`.
    Environment(String),
    /// The project's name.
    Project,
}

impl Piece {
    /// How it is written.
    pub fn shown(&self) -> String {
        match self {
            Piece::Text(text) => text.replace("${", "$${"),
            Piece::Key(key) => format!("${{{key}}}"),
            Piece::Resource { name, field } => format!("${{resource.{name}.{field}}}"),
            Piece::Database(name) => format!("${{database.{name}.url}}"),
            Piece::Environment(field) => format!("${{environment.{field}}}"),
            Piece::Project => "${project.name}".into(),
        }
    }
}

/// Why a text is no value with placeholders.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTemplate {
    /// A placeholder has no end.
    #[error("a placeholder begins with `${{` and does not end")]
    Open,
    /// There is no such placeholder.
    #[error("`${{{0}}}` is no placeholder")]
    Unknown(String),
}

/// What can be said of a resource.
const FIELDS: [&str; 7] = [
    "id",
    "link",
    "kind",
    "title",
    "description",
    "owner",
    "endpoint",
];

/// Takes a value apart.
pub fn parse(text: &str) -> Result<Vec<Piece>, BadTemplate> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            plain.push_str(&rest[..at - 1]);
            plain.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        plain.push_str(&rest[..at]);
        let inner = &rest[at + 2..];
        let end = inner.find('}').ok_or(BadTemplate::Open)?;
        if !plain.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
        }
        pieces.push(placeholder(&inner[..end])?);
        rest = &inner[end + 1..];
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

fn placeholder(inner: &str) -> Result<Piece, BadTemplate> {
    let unknown = || BadTemplate::Unknown(inner.chars().take(60).collect());
    let Some((first, rest)) = inner.split_once('.') else {
        let is_key = crate::manifest::is_variable(inner);
        return is_key
            .then(|| Piece::Key(inner.to_owned()))
            .ok_or_else(unknown);
    };
    match (first, rest) {
        ("resource", rest) => {
            // A resource's name may have dots of its own.
            let (name, field) = rest.rsplit_once('.').ok_or_else(unknown)?;
            if name.is_empty() || !FIELDS.contains(&field) {
                return Err(unknown());
            }
            Ok(Piece::Resource {
                name: name.to_owned(),
                field: field.to_owned(),
            })
        }
        ("database", rest) => match rest.strip_suffix(".url") {
            Some(name) if !name.is_empty() => Ok(Piece::Database(name.to_owned())),
            _ => Err(unknown()),
        },
        ("environment", "name" | "group" | "url") => Ok(Piece::Environment(rest.to_owned())),
        ("project", "name") => Ok(Piece::Project),
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match parse(text) {
            Ok(pieces) => pieces.iter().map(|p| format!("[{}]", p.shown())).collect(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn placeholders_are_found_and_dollars_are_left_alone() {
        assert_eq!(shown("a"), "[a]");
        assert_eq!(shown(""), "");
        assert_eq!(shown("$5 and $HOME"), "[$5 and $HOME]");
        assert_eq!(shown("${A}b${C_2}"), "[${A}][b][${C_2}]");
        assert_eq!(shown("$${A}"), "[$${A}]");
        assert_eq!(parse("$${A}").unwrap(), [Piece::Text("${A}".into())]);
        assert_eq!(shown("${resource.a.b.id}"), "[${resource.a.b.id}]");
        assert_eq!(shown("x${database.main.url}"), "[x][${database.main.url}]");
        assert_eq!(
            shown("${environment.name}${project.name}"),
            "[${environment.name}][${project.name}]"
        );
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "${A",
            "${}",
            "${a b}",
            "${resource.x}",
            "${resource.x.colour}",
            "${environment.x}",
            "${env.X}",
            "${A:-b}",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
