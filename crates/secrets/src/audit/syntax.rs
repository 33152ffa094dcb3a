//! Parsed code, walked without recursion: code may be nested as deep as its author likes. What a language is like is in
//! the file of the language.

use std::{
    ops::ControlFlow,
    thread,
    time::{Duration, Instant},
};

use tree_sitter::{Node, ParseOptions, Parser, Point, Tree};

use super::{
    Language, Moment,
    names::{Binding, Names},
};

/// So long the parser may take, and so much longer for each MiB. Real code takes a fiftieth of that; a parser that tries
/// to understand what is no code can take hours.
const PATIENCE: Duration = Duration::from_secs(5);
const PATIENCE_FOR_MIB: Duration = Duration::from_secs(4);

/// So far up and down expressions are looked at.
pub(super) const REACH: usize = 32;

/// What the parser may need of the stack: it gives up what it tried by a recursion that may be as deep as the text has
/// tokens, in frames of less than these bytes.
const STACK: usize = 2 << 20;
const STACK_FOR_BYTE: usize = 256;

/// Parses a text, unless it takes too long.
pub(super) fn parse(language: Language, text: &str) -> Option<Tree> {
    let stack = STACK + STACK_FOR_BYTE.saturating_mul(text.len());
    thread::scope(|scope| {
        let parser = thread::Builder::new().stack_size(stack);
        let parsed = parser.spawn_scoped(scope, || parse_here(language, text));
        parsed.ok()?.join().ok()?
    })
}

fn parse_here(language: Language, text: &str) -> Option<Tree> {
    let grammar = match language {
        Language::Go => tree_sitter_go::LANGUAGE,
        Language::JavaScript => tree_sitter_javascript::LANGUAGE,
        Language::Python => tree_sitter_python::LANGUAGE,
        Language::Rust => tree_sitter_rust::LANGUAGE,
        Language::TypeScript => tree_sitter_typescript::LANGUAGE_TYPESCRIPT,
        Language::Tsx => tree_sitter_typescript::LANGUAGE_TSX,
    };
    let mut parser = Parser::new();
    parser
        .set_language(&grammar.into())
        .expect("the grammars are made for this version of the parser");
    let mebibytes = u32::try_from(text.len() >> 20).unwrap_or(u32::MAX);
    let patience = PATIENCE + PATIENCE_FOR_MIB.saturating_mul(mebibytes);
    let begun = Instant::now();
    let mut go_on = |_: &_| match begun.elapsed() < patience {
        true => ControlFlow::Continue(()),
        false => ControlFlow::Break(()),
    };
    let mut rest = |at: usize, _| text.as_bytes().get(at..).unwrap_or_default();
    let options = ParseOptions::new().progress_callback(&mut go_on);
    parser.parse_with_options(&mut rest, None, Some(options))
}

/// A node, and what it is in.
pub(super) struct Place<'t, 'a> {
    pub(super) node: Node<'t>,
    /// What the node is in, the innermost last.
    pub(super) above: &'a [Node<'t>],
    text: &'t str,
}

impl<'t> Place<'t, '_> {
    /// What a node says.
    pub(super) fn said(&self, node: Node<'t>) -> &'t str {
        &self.text[node.byte_range()]
    }

    /// What a field of a node says.
    pub(super) fn field(&self, node: Node<'t>, field: &str) -> Option<&'t str> {
        node.child_by_field_name(field).map(|node| self.said(node))
    }

    pub(super) fn parent(&self) -> Option<Node<'t>> {
        self.above.last().copied()
    }

    /// Whether the node is what a field of its parent is.
    pub(super) fn is_its_parents(&self, field: &str) -> bool {
        let of_parent = self
            .parent()
            .and_then(|parent| parent.child_by_field_name(field));
        of_parent == Some(self.node)
    }

    /// The nodes around this one, the innermost first, each with what it has this node in.
    pub(super) fn around(&self) -> impl Iterator<Item = (Node<'t>, Node<'t>)> {
        let inner = std::iter::once(self.node).chain(self.above.iter().rev().copied());
        self.above.iter().rev().copied().zip(inner).take(REACH)
    }

    /// What a literal says that has nothing but text in it.
    pub(super) fn literal(&self, node: Node<'t>, content: &str) -> Option<String> {
        let mut parts = named(node)
            .filter(|part| !part.kind().starts_with("string_") || part.kind() == content);
        let Some(part) = parts.next() else {
            return Some(String::new());
        };
        let whole =
            part.kind() == content && part.named_child_count() == 0 && parts.next().is_none();
        whole.then(|| self.said(part).to_owned())
    }
}

/// The named children of a node that are not comments. No more than a few are ever of interest.
pub(super) fn named(node: Node<'_>) -> impl Iterator<Item = Node<'_>> {
    let count = u32::try_from(node.named_child_count()).unwrap_or(u32::MAX);
    let first = (0..count).map_while(move |index| node.named_child(index));
    first.take(REACH).filter(|child| !child.is_extra())
}

/// All children of a node, however many they are.
pub(super) fn children(node: Node<'_>) -> Vec<Node<'_>> {
    node.children(&mut node.walk()).collect()
}

/// A read that was found.
pub(super) struct Found {
    pub(super) name: Option<String>,
    pub(super) at: Point,
    pub(super) has_default: bool,
    pub(super) moment: Moment,
    pub(super) in_tests: bool,
}

impl Found {
    /// A read at run time.
    pub(super) fn new(node: Node<'_>, name: Option<String>, has_default: bool) -> Self {
        Self {
            name,
            at: node.start_position(),
            has_default,
            moment: Moment::Run,
            in_tests: false,
        }
    }
}

/// What to do with a name and what it stands for.
pub(super) type Declare<'t, 'a> = &'a mut dyn FnMut(&'t str, Binding);

/// What tells how a language reads variables.
pub(super) trait Grammar {
    /// The kinds of nodes whose names are only visible inside.
    fn scopes(&self) -> &'static [&'static str];

    /// The names that a node adds to its scope.
    fn declare<'t>(&self, place: &Place<'t, '_>, declare: Declare<'t, '_>);

    /// The reads that a node is; not those in it.
    fn find(&self, place: &Place<'_, '_>, names: &Names<'_>) -> Vec<Found>;

    /// What an attribute makes of code.
    fn mark(&self, place: &Place<'_, '_>) -> Mark {
        let _ = place;
        Mark::None
    }
}

/// What a node says of code around it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    None,
    /// An attribute that says nothing of tests, or a comment: what is said before still holds for what follows.
    Passed,
    /// What it is in is of tests.
    Around,
    /// The next node is of tests.
    Next,
}

/// Finds the reads in a tree.
pub(super) fn find(grammar: &dyn Grammar, tree: &Tree, text: &str) -> Vec<Found> {
    let mut names = declared(grammar, tree, text);
    let mut found = Vec::new();
    let mut tests = Tests::default();
    visit(tree, text, &mut |step| match step {
        Step::Enter(place) => {
            if is_scope(grammar, &place) {
                names.enter(place.node.id());
            }
            tests.enter(&place, grammar.mark(&place));
            let reads = grammar.find(&place, &names).into_iter();
            found.extend(reads.map(|read| Found {
                in_tests: tests.are_around(),
                ..read
            }));
        }
        Step::Leave(node) => {
            names.leave(node.id());
            tests.leave(node);
        }
    });
    found
}

fn declared<'t>(grammar: &dyn Grammar, tree: &'t Tree, text: &'t str) -> Names<'t> {
    let mut names = Names::default();
    let mut scopes = Vec::new();
    visit(tree, text, &mut |step| match step {
        Step::Enter(place) => {
            if is_scope(grammar, &place) {
                scopes.push(place.node.id());
            }
            let scope = scopes.last().copied().unwrap_or_default();
            grammar.declare(&place, &mut |name, binding| {
                names.declare(scope, name, binding)
            });
        }
        Step::Leave(node) => {
            if scopes.last() == Some(&node.id()) {
                scopes.pop();
            }
        }
    });
    names
}

/// The root always is one, also where the parser made an error of it.
fn is_scope(grammar: &dyn Grammar, place: &Place<'_, '_>) -> bool {
    place.above.is_empty()
        || (place.node.is_named() && grammar.scopes().contains(&place.node.kind()))
}

/// Keeps in mind whether code is of tests.
#[derive(Default)]
struct Tests {
    /// What is of tests, the innermost last.
    of_tests: Vec<usize>,
    /// In what the next node is of tests.
    next_in: Option<usize>,
}

impl Tests {
    fn enter(&mut self, place: &Place<'_, '_>, mark: Mark) {
        let parent = place.parent().map(|parent| parent.id());
        match mark {
            Mark::Next => self.next_in = parent,
            Mark::Around => self.of_tests.extend(parent),
            Mark::Passed => {}
            Mark::None if parent.is_some() && self.next_in == parent => {
                self.next_in = None;
                self.of_tests.push(place.node.id());
            }
            Mark::None => {}
        }
    }

    fn leave(&mut self, node: Node<'_>) {
        while self.of_tests.last() == Some(&node.id()) {
            self.of_tests.pop();
        }
    }

    fn are_around(&self) -> bool {
        !self.of_tests.is_empty()
    }
}

enum Step<'t, 'a> {
    Enter(Place<'t, 'a>),
    Leave(Node<'t>),
}

/// Goes through a tree, each node before what is in it.
fn visit<'t>(tree: &'t Tree, text: &'t str, act: &mut dyn FnMut(Step<'t, '_>)) {
    let mut cursor = tree.walk();
    let mut above: Vec<Node<'t>> = Vec::new();
    loop {
        let node = cursor.node();
        act(Step::Enter(Place {
            node,
            above: &above,
            text,
        }));
        if cursor.goto_first_child() {
            above.push(node);
            continue;
        }
        act(Step::Leave(node));
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return;
            }
            if let Some(left) = above.pop() {
                act(Step::Leave(left));
            }
        }
    }
}
