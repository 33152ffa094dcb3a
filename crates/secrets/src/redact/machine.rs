//! The automaton that finds all forms of all secrets in one pass (Aho and Corasick, 1975).

use aho_corasick::{Anchored, MatchKind, automaton::Automaton, nfa::contiguous::NFA};

pub(super) use aho_corasick::automaton::StateID;

use super::forms::Form;

/// What is looked for.
pub(super) struct Machine {
    automaton: NFA,
    start: StateID,
    /// By state: the length of the longest end of the text so far that is the beginning of a form, and not all of it.
    depths: Vec<u32>,
    /// By form: whose it is.
    owners: Vec<usize>,
    /// By secret: what is written in its place.
    marks: Vec<Box<[u8]>>,
    longest: usize,
}

/// A form that ends where the machine is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) length: usize,
    pub(super) secret: usize,
}

impl Machine {
    /// The machine of some forms, in order, each with the number of the secret whose it is.
    pub(super) fn new(names: &[String], forms: &[(Form, usize)]) -> Machine {
        let automaton = NFA::builder()
            // All matches, also those that overlap.
            .match_kind(MatchKind::Standard)
            // It would be one more copy of the values, and seldom be of use with so many.
            .prefilter(false)
            .build(forms.iter().map(|(form, _)| form.as_slice()))
            .expect("the secrets of one process are far fewer than the two thousand million bytes that it can take");
        let start = automaton
            .start_state(Anchored::No)
            .expect("an automaton finds forms anywhere unless it is told not to");
        Machine {
            depths: depths(&automaton, start, forms),
            start,
            owners: forms.iter().map(|(_, secret)| *secret).collect(),
            marks: names.iter().map(|name| mark(name)).collect(),
            longest: forms.iter().map(|(form, _)| form.len()).max().unwrap_or(0),
            automaton,
        }
    }

    pub(super) fn start(&self) -> StateID {
        self.start
    }

    /// The length of the longest form.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// What is written in the place of a secret.
    pub(super) fn mark(&self, secret: usize) -> &[u8] {
        &self.marks[secret]
    }

    pub(super) fn next(&self, state: StateID, byte: u8) -> StateID {
        self.automaton.next_state(Anchored::No, state, byte)
    }

    pub(super) fn depth(&self, state: StateID) -> usize {
        self.depths[state.as_usize()] as usize
    }

    /// The longest form that ends here: the others that do are inside it.
    pub(super) fn found(&self, state: StateID) -> Option<Found> {
        if !self.automaton.is_match(state) {
            return None;
        }
        let form = (0..self.automaton.match_len(state))
            .map(|index| self.automaton.match_pattern(state, index))
            .max_by_key(|form| self.automaton.pattern_len(*form))?;
        Some(Found {
            length: self.automaton.pattern_len(form),
            secret: self.owners[form.as_usize()],
        })
    }
}

/// The automaton does not tell how deep a state is; following every form through it does.
fn depths(automaton: &NFA, start: StateID, forms: &[(Form, usize)]) -> Vec<u32> {
    let next = |state, byte: &u8| automaton.next_state(Anchored::No, state, *byte);
    let mut depths = vec![0; start.as_usize() + 1];
    for (form, _) in forms {
        let mut state = start;
        for (byte, depth) in form.iter().zip(1..) {
            state = next(state, byte);
            if depths.len() <= state.as_usize() {
                depths.resize(state.as_usize() + 1, 0);
            }
            depths[state.as_usize()] = depth;
        }
    }
    depths.shrink_to_fit();
    // After a form that is the beginning of no other, only what began later can go on. Shorter forms first: one may be
    // the end of another.
    let mut ends: Vec<&[u8]> = forms
        .iter()
        .zip(forms.iter().skip(1).map(Some).chain([None]))
        .filter(|((form, _), after)| !after.is_some_and(|(longer, _)| longer.starts_with(form)))
        .map(|((form, _), _)| form.as_slice())
        .collect();
    ends.sort_by_key(|form| form.len());
    for form in ends {
        let state = form.iter().fold(start, next);
        let later = form.iter().skip(1).fold(start, next);
        depths[state.as_usize()] = depths[later.as_usize()];
    }
    depths
}

fn mark(name: &str) -> Box<[u8]> {
    format!("[redacted {name}]").into_bytes().into()
}
