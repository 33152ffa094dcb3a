//! A goose file, line by line: its annotations, and where its statements end.

use crate::{Layout, LayoutProblem};

const UP: &str = "-- +goose Up";
const DOWN: &str = "-- +goose Down";
const BEGIN: &str = "-- +goose StatementBegin";
const END: &str = "-- +goose StatementEnd";

/// Where in a file goose is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Start,
    Up,
    Down,
}

/// What is wrong, and in which line.
type Wrong = (Option<usize>, LayoutProblem);

/// A file's two parts.
pub(super) struct Parts {
    pub(super) up: String,
    pub(super) down: String,
    pub(super) transactional: bool,
}

/// Cuts a file at `Down`, and refuses what goose would not run.
pub(super) fn cut(text: &str) -> Result<Parts, Wrong> {
    let mut reader = Reader::default();
    for line in text.split_inclusive('\n') {
        reader.number += 1;
        reader.line(line)?;
    }
    reader.end()?;
    Ok(Parts {
        up: reader.up,
        down: reader.down,
        transactional: !reader.no_transaction,
    })
}

/// Goose's state machine, over both directions at once.
#[derive(Default)]
struct Reader {
    number: usize,
    place: Place,
    up: String,
    down: String,
    no_transaction: bool,
    /// The line in which a statement without annotations has begun.
    open: Option<usize>,
    /// The statement between annotations.
    block: Option<Block>,
}

/// A statement between annotations.
struct Block {
    begun: usize,
    /// Whether its last line so far ends with a semicolon; `None` before its first.
    ended: Option<bool>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), Wrong> {
        let words = line.trim();
        if words.starts_with("--") && line.contains("+goose") {
            self.annotation(line)?;
        } else if !(words.is_empty() || words.starts_with("--")) {
            self.sql(line)?;
        }
        match self.place {
            Place::Start | Place::Up => self.up += line,
            Place::Down => self.down += line,
        }
        Ok(())
    }

    fn sql(&mut self, line: &str) -> Result<(), Wrong> {
        if self.place == Place::Start {
            return Err(self.wrong(LayoutProblem::Outside { marker: UP }));
        }
        let ended = ends_with_semicolon(line);
        match &mut self.block {
            Some(block) => block.ended = Some(ended),
            None if ended => self.open = None,
            None => {
                self.open.get_or_insert(self.number);
            }
        }
        Ok(())
    }

    fn annotation(&mut self, line: &str) -> Result<(), Wrong> {
        let unknown = || LayoutProblem::Annotation {
            text: line.trim().to_owned(),
            tool: Layout::Goose,
        };
        if line.starts_with([' ', '\t']) {
            return Err(self.wrong(unknown()));
        }
        let command = line.replace("--", "").replacen("+goose", "", 1);
        match command.trim().to_ascii_lowercase().as_str() {
            "up" => self.begin_up(),
            "down" => self.begin_down(),
            "statementbegin" => self.begin_block(),
            "statementend" => self.end_block(),
            "no transaction" => {
                self.no_transaction = true;
                Ok(())
            }
            "envsub off" => Ok(()),
            "envsub on" => Err(self.wrong(LayoutProblem::Replaced {
                text: "-- +goose ENVSUB ON".into(),
                tool: Layout::Goose,
            })),
            _ => Err(self.wrong(unknown())),
        }
    }

    fn begin_up(&mut self) -> Result<(), Wrong> {
        if self.place != Place::Start {
            return Err(self.wrong(LayoutProblem::SecondMarker { marker: UP }));
        }
        self.place = Place::Up;
        Ok(())
    }

    fn begin_down(&mut self) -> Result<(), Wrong> {
        self.refuse_in_statement(DOWN)?;
        match self.place {
            Place::Start => Err(self.misplaced(DOWN, UP)),
            Place::Down => Err(self.wrong(LayoutProblem::SecondMarker { marker: DOWN })),
            Place::Up => {
                self.place = Place::Down;
                Ok(())
            }
        }
    }

    fn begin_block(&mut self) -> Result<(), Wrong> {
        self.refuse_in_statement(BEGIN)?;
        if self.place == Place::Start {
            return Err(self.misplaced(BEGIN, UP));
        }
        self.block = Some(Block {
            begun: self.number,
            ended: None,
        });
        Ok(())
    }

    fn end_block(&mut self) -> Result<(), Wrong> {
        let Some(block) = self.block.take() else {
            return Err(self.misplaced(END, BEGIN));
        };
        match block.ended {
            None => Err((Some(block.begun), LayoutProblem::Empty)),
            Some(true) => Ok(()),
            Some(false) => {
                match self.place {
                    Place::Start | Place::Up => self.up.push(';'),
                    Place::Down => self.down.push(';'),
                }
                Ok(())
            }
        }
    }

    fn refuse_in_statement(&self, marker: &'static str) -> Result<(), Wrong> {
        if self.block.is_some() {
            return Err(self.misplaced(marker, END));
        }
        match self.open {
            Some(begun) => Err((Some(begun), LayoutProblem::Unfinished)),
            None => Ok(()),
        }
    }

    fn end(&self) -> Result<(), Wrong> {
        let missing = |marker| LayoutProblem::NoMarker { marker };
        if self.place == Place::Start {
            return Err((None, missing(UP)));
        }
        if let Some(block) = &self.block {
            return Err((Some(block.begun), missing(END)));
        }
        match self.open {
            Some(begun) => Err((Some(begun), LayoutProblem::Unfinished)),
            None => Ok(()),
        }
    }

    fn misplaced(&self, marker: &'static str, after: &'static str) -> Wrong {
        self.wrong(LayoutProblem::Misplaced { marker, after })
    }

    fn wrong(&self, problem: LayoutProblem) -> Wrong {
        (Some(self.number), problem)
    }
}

/// Whether a line's last word before a comment ends with a semicolon.
fn ends_with_semicolon(line: &str) -> bool {
    line.split_whitespace()
        .take_while(|word| !word.starts_with("--"))
        .last()
        .is_some_and(|word| word.ends_with(';'))
}
