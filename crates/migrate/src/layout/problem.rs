//! What the rules of a layout refuse in a file, and what to do about it.

use super::Layout;

/// What is wrong with a file, by the rules of its layout.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutProblem {
    /// The version does not fit 64 bits.
    #[error("{version} is too large for a version")]
    TooLarge {
        /// The digits.
        version: String,
    },
    /// The tool takes no such version.
    #[error("a version must be 1 or more")]
    NotPositive,
    /// The version has too many parts.
    #[error("its version {version} has more than {most} parts")]
    Parts {
        /// The version.
        version: String,
        /// How many there may be.
        most: usize,
    },
    /// The name of a repeatable migration is cut in the tool's table.
    #[error("its description has more than 200 characters, and flyway would apply it every time")]
    LongDescription,
    /// The version has other characters than digits.
    #[error("{version:?} is not a version number")]
    NotDigits {
        /// The version.
        version: String,
    },
    /// The tool compares versions as text, and would apply the files in another order.
    #[error("{tool} compares text, and would apply it after {later}, whose version is later")]
    OtherOrder {
        /// The tool.
        tool: Layout,
        /// The file that has the later version.
        later: String,
    },
    /// A migration in another language than SQL.
    #[error("it is written in {language}, and only SQL is run")]
    Language {
        /// The language.
        language: &'static str,
    },
    /// A kind of migration that is not run.
    #[error("it is a {kind} migration, and those are not run yet")]
    Kind {
        /// What Flyway calls it.
        kind: &'static str,
    },
    /// SQL that the tool runs at some event.
    #[error("it is a callback, and callbacks are not run")]
    Callback,
    /// A byte order mark stands before the first line.
    #[error("a byte order mark, which hides the line from {tool}")]
    ByteOrderMark {
        /// The tool.
        tool: Layout,
    },
    /// A line that the tool asks for is not there.
    #[error("no line says `{marker}`")]
    NoMarker {
        /// The line.
        marker: &'static str,
    },
    /// A line that may be there once is there again.
    #[error("a second `{marker}`")]
    SecondMarker {
        /// The line.
        marker: &'static str,
    },
    /// A line stands where it means nothing.
    #[error("`{marker}` is out of place: it belongs after `{after}`")]
    Misplaced {
        /// The line.
        marker: &'static str,
        /// What it belongs after.
        after: &'static str,
    },
    /// SQL stands before the part that it belongs to.
    #[error("SQL before `{marker}`")]
    Outside {
        /// The line that begins the part.
        marker: &'static str,
    },
    /// An annotation that the tool does not know.
    #[error("`{text}` is not an annotation of {tool}")]
    Annotation {
        /// The line, without space around it.
        text: String,
        /// The tool.
        tool: Layout,
    },
    /// An option that is not known here, or has such a value.
    #[error("`{text}` is not an option that is known here")]
    Option {
        /// The option.
        text: String,
    },
    /// A file of settings lacks the one that decides.
    #[error("it does not say `{setting}`")]
    NoSetting {
        /// The setting.
        setting: &'static str,
    },
    /// Something is to be put in place of a name.
    #[error("`{text}` is to be replaced by {tool}, and nothing is replaced here")]
    Replaced {
        /// What is to be replaced, or the line that asks for it.
        text: String,
        /// The tool.
        tool: Layout,
    },
    /// A statement without its semicolon.
    #[error("the statement that begins here has no semicolon at the end of a line")]
    Unfinished,
    /// The folder of a migration lacks its SQL.
    #[error("it is the folder of a migration, and has no up.sql")]
    NoUp,
    /// The file is empty.
    #[error("it is empty")]
    Empty,
}

impl LayoutProblem {
    /// What to do about it.
    pub(super) fn remedy(&self) -> String {
        match self {
            LayoutProblem::TooLarge { .. } => {
                "use a smaller number, or a timestamp such as 20260101120000".into()
            }
            LayoutProblem::NotPositive => "give it a version of 1 or more".into(),
            LayoutProblem::Parts { .. } => {
                "write it with fewer parts, such as the timestamp 20260101120000".into()
            }
            LayoutProblem::LongDescription => "give it a shorter name".into(),
            LayoutProblem::NotDigits { .. } => {
                "rename it so that digits stand before the first underscore".into()
            }
            LayoutProblem::OtherOrder { .. } => {
                "give every version as many digits: write 02 beside 10".into()
            }
            LayoutProblem::Language { .. } => {
                "write it as SQL, or move it out of the migrations".into()
            }
            LayoutProblem::Kind { .. } => {
                "leave the migrations that it stands for in the set, and move it out of the migrations".into()
            }
            LayoutProblem::Callback => {
                "move what it does into a versioned migration, or into a step of its own".into()
            }
            LayoutProblem::ByteOrderMark { .. } => "save it as UTF-8 without a byte order mark".into(),
            LayoutProblem::NoMarker { marker } => {
                format!("add the line `{marker}`, with nothing before it on its line")
            }
            LayoutProblem::SecondMarker { .. } => "split the file into two migrations".into(),
            LayoutProblem::Misplaced { after, .. } => {
                format!("move it after `{after}`, or remove it")
            }
            LayoutProblem::Outside { marker } => format!("move it after `{marker}`"),
            LayoutProblem::Annotation {
                tool: Layout::Goose,
                ..
            } => {
                "write one of Up, Down, StatementBegin, StatementEnd, NO TRANSACTION after `-- +goose`, from the \
                 beginning of the line"
                    .into()
            }
            LayoutProblem::Annotation { .. } => "correct or remove it".into(),
            LayoutProblem::Option { .. } => "correct it, or remove it".into(),
            LayoutProblem::NoSetting { setting } => format!("write `{setting}`, or remove the file"),
            LayoutProblem::Replaced { .. } => "write what is to stand there".into(),
            LayoutProblem::Unfinished => {
                "end it with a semicolon at the end of a line, or put it between `-- +goose StatementBegin` and \
                 `-- +goose StatementEnd`"
                    .into()
            }
            LayoutProblem::NoUp => "add its up.sql, or move the folder elsewhere".into(),
            LayoutProblem::Empty => "write what it does, or remove it".into(),
        }
    }

    /// Whether the file is one that its tool would use, though it is not run here.
    pub(super) fn is_known_to_the_tool(&self) -> bool {
        matches!(
            self,
            LayoutProblem::Language { .. }
                | LayoutProblem::Kind { .. }
                | LayoutProblem::Callback
                | LayoutProblem::Parts { .. }
        )
    }
}
