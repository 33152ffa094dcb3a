//! Circles: environments that wait for one another, or lend one another the same database.

use std::{collections::BTreeMap, ops::Range};

use super::Directory;
use crate::manifest::{
    code,
    report::{Draft, Report},
    written::{Name, Written},
};

/// From each environment to others, and where that is written.
type Edges<'a> = BTreeMap<usize, Vec<(usize, &'a Range<usize>)>>;

pub(super) fn check(written: &Written, directory: &Directory, report: &Report) {
    check_after(written, directory, report);
    check_same_as(written, directory, report);
}

fn check_after(written: &Written, directory: &Directory, report: &Report) {
    let mut edges = Edges::new();
    for (from, environment) in written.environments.iter().enumerate() {
        for name in &environment.after {
            connect(&mut edges, from, name, directory);
        }
    }
    for circle in circles(&edges) {
        let message = match circle.as_slice() {
            [(alone, _)] => format!("`{}` comes after itself", name_of(written, *alone)),
            _ => format!(
                "these environments wait for one another: {}",
                around(written, &circle)
            ),
        };
        let help = "remove one of these `after`, so that a release can start somewhere";
        add(code::AFTER_CYCLE, &circle, message, help, report);
    }
}

fn check_same_as(written: &Written, directory: &Directory, report: &Report) {
    let mut databases: BTreeMap<&str, Edges<'_>> = BTreeMap::new();
    for (from, environment) in written.environments.iter().enumerate() {
        for database in &environment.databases {
            if let Some(name) = &database.same_as {
                let edges = databases.entry(&database.name.value).or_default();
                connect(edges, from, name, directory);
            }
        }
    }
    for (database, edges) in databases {
        for circle in circles(&edges) {
            let message = match circle.as_slice() {
                [(alone, _)] => format!(
                    "the database `{database}` of `{}` is said to be itself",
                    name_of(written, *alone)
                ),
                _ => format!(
                    "no environment keeps the database `{database}`: {}",
                    around(written, &circle)
                ),
            };
            let help = "remove `same_as` where the database really is";
            add(code::SAME_AS_CYCLE, &circle, message, help, report);
        }
    }
}

fn connect<'a>(edges: &mut Edges<'a>, from: usize, name: &'a Name, directory: &Directory) {
    if let Some(to) = directory.environment(&name.value) {
        edges.entry(from).or_default().push((to, &name.span));
    }
}

fn name_of(written: &Written, at: usize) -> &str {
    &written.environments[at].name.value
}

/// `staging → production → staging`.
fn around(written: &Written, circle: &[(usize, &Range<usize>)]) -> String {
    let names = circle.iter().map(|(at, _)| name_of(written, *at));
    let first = circle.first().map(|(at, _)| name_of(written, *at));
    names.chain(first).collect::<Vec<_>>().join(" → ")
}

fn add(
    code: &'static str,
    circle: &[(usize, &Range<usize>)],
    message: String,
    help: &str,
    report: &Report,
) {
    let Some((_, last)) = circle.last() else {
        return;
    };
    let mut draft = Draft::error(code, last, message, help).label("closes the circle");
    for (_, span) in circle.iter().take(circle.len() - 1).take(8) {
        draft = draft.also(span, "then");
    }
    report.add(draft);
}

/// Circles of the graph, at least one for each set of nodes that reach one another: each node with its way to the next.
///
/// A depth-first search with a stack of its own: the call stack would not hold a hostile manifest.
fn circles<'a>(edges: &Edges<'a>) -> Vec<Vec<(usize, &'a Range<usize>)>> {
    let mut done = std::collections::BTreeSet::new();
    let mut found = Vec::new();
    for start in edges.keys() {
        // The way to where the search is: node, how many of its edges are taken, the edge taken last.
        let mut way: Vec<(usize, usize, Option<&Range<usize>>)> = vec![(*start, 0, None)];
        let mut place = BTreeMap::from([(*start, 0)]);
        if done.contains(start) {
            continue;
        }
        while let Some((node, taken, last)) = way.last_mut() {
            let next = edges.get(node).and_then(|edges| edges.get(*taken));
            let Some((to, span)) = next else {
                done.insert(*node);
                place.remove(node);
                way.pop();
                continue;
            };
            *taken += 1;
            *last = Some(span);
            if let Some(from) = place.get(to) {
                let circle = way[*from..].iter();
                found.push(
                    circle
                        .filter_map(|(node, _, span)| Some((*node, (*span)?)))
                        .collect(),
                );
            } else if !done.contains(to) {
                place.insert(*to, way.len());
                way.push((*to, 0, None));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(pairs: &[(usize, usize)]) -> Vec<Vec<usize>> {
        let span = 0..0;
        let mut edges = Edges::new();
        for (from, to) in pairs {
            edges.entry(*from).or_default().push((*to, &span));
        }
        circles(&edges)
            .into_iter()
            .map(|circle| circle.into_iter().map(|(node, _)| node).collect())
            .collect()
    }

    #[test]
    fn circles_are_found_whole() {
        assert_eq!(nodes(&[(0, 1), (1, 2), (0, 2)]), Vec::<Vec<usize>>::new());
        assert_eq!(nodes(&[(3, 3)]), [[3]]);
        assert_eq!(nodes(&[(0, 1), (1, 2), (2, 1)]), [[1, 2]]);
        assert_eq!(nodes(&[(0, 1), (1, 0), (2, 3), (3, 2)]), [[0, 1], [2, 3]]);
    }

    #[test]
    fn a_long_chain_does_not_overflow_the_stack() {
        let chain: Vec<_> = (0..100_000).map(|at| (at, at + 1)).collect();
        assert!(nodes(&chain).is_empty());
    }
}
