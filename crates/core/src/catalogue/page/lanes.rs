//! Where everything of the pipeline figure stands: lanes and columns as values, in pixels; no text is written here.

use crate::{
    manifest::{Environment, Manifest},
    names::GroupName,
};

/// A card's width, and the distance from a column to the next.
pub(super) const CARD: u32 = 200;
pub(super) const COLUMN: u32 = 228;
/// A line of small text.
pub(super) const LINE: u32 = 18;
/// The radius of a turn.
pub(super) const TURN: u32 = 14;
const MARGIN: u32 = 24;
/// The room for the names of branches.
pub(super) const LABELS: u32 = 150;
const FORK: u32 = 36;
const LANE: u32 = 56;

/// So many environments are drawn at most, the first ones: nobody reads more.
const MOST: usize = 300;
/// So far along `after` is looked at most.
const MOST_STEPS: usize = 64;

fn drawn(manifest: &Manifest) -> &[Environment] {
    let all = &manifest.environments;
    &all[..all.len().min(MOST)]
}

/// The figure's measures.
#[derive(Debug)]
pub(super) struct Layout<'a> {
    pub width: u32,
    pub height: u32,
    /// From top to bottom.
    pub lanes: Vec<Lane>,
    /// From left to right.
    pub cards: Vec<Card<'a>>,
    /// The height of every card.
    pub card_height: u32,
}

/// A branch.
#[derive(Debug)]
pub(super) struct Lane {
    pub label: String,
    pub y: u32,
    pub begin: u32,
    pub end: u32,
    /// The lane that it leaves and comes back to, and the place on that lane where it comes back.
    pub parent: Option<(usize, u32)>,
}

/// An environment, and below it the point that feeds it.
#[derive(Debug)]
pub(super) struct Card<'a> {
    pub environment: &'a Environment,
    pub x: u32,
    pub y: u32,
    /// The lane that feeds it.
    pub lane: usize,
    /// The column's middle.
    pub middle: u32,
    /// Where an arc to the owner of a database runs, if others use a database of this environment.
    pub track: Option<u32>,
}

/// Lays out the figure; `gates` is the number of lines on the arrow with the most of them.
pub(super) fn lay_out(manifest: &Manifest, gates: u32) -> Layout<'_> {
    let environments = drawn(manifest);
    let names = branches(manifest);
    let bottom = names.len().saturating_sub(1);
    let lane_of = |environment: &Environment| feeding(manifest, environment, &names, bottom);
    let mut ordered: Vec<(usize, &Environment)> =
        environments.iter().map(|e| (lane_of(e), e)).collect();
    ordered.sort_by_cached_key(|(lane, e)| (std::cmp::Reverse(*lane), depth(manifest, e)));

    let lends = |environment: &Environment| {
        let mut others = environments.iter().filter(|e| e.name != environment.name);
        others.any(|other| {
            let mut databases = manifest.databases.keys();
            databases.any(|name| manifest.database_home(&other.name, name) == environment.name)
        })
    };
    let lenders = ordered.iter().filter(|(_, e)| lends(e)).count() as u32;
    let top = MARGIN + lenders * LINE;
    let card_height = 44 + (manifest.databases.len() as u32) * LINE;
    let left = MARGIN + LABELS + FORK * names.len() as u32;
    let mut track = MARGIN;
    let cards: Vec<Card<'_>> = ordered
        .into_iter()
        .enumerate()
        .map(|(at, (lane, environment))| {
            let x = left + COLUMN * at as u32;
            let own = lends(environment).then_some(track);
            track += own.map_or(0, |_| LINE);
            Card {
                environment,
                x,
                y: top,
                lane,
                middle: x + CARD / 2,
                track: own,
            }
        })
        .collect();

    let right = left + COLUMN * (cards.len() as u32).max(1);
    let first_lane = top + card_height + 48 + gates * LINE;
    let patterns = names.iter().position(|name| name.contains('*'));
    let mut lanes = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let parent = match patterns {
            Some(first) if at >= first => first.checked_sub(1),
            _ => at.checked_sub(1),
        };
        let own = cards.iter().filter(|card| card.lane == at);
        let last = own.map(|card| card.middle).max().unwrap_or(left);
        let parent = parent.map(|parent| {
            let mut joined = cards.iter().filter(|card| card.lane == parent);
            match joined.next() {
                Some(card) if at == parent + 1 => (parent, card.middle),
                _ => (parent, last + COLUMN / 2),
            }
        });
        lanes.push(Lane {
            label: match name.trim_end_matches(['*', '/', '-']) {
                "" => "any branch".to_owned(),
                label => label.to_owned(),
            },
            y: first_lane + LANE * at as u32,
            begin: MARGIN + LABELS + FORK * at as u32,
            end: match parent {
                Some((_, joins)) if name.contains('*') => joins - 2 * TURN,
                _ => right,
            },
            parent,
        });
    }
    Layout {
        width: right + MARGIN,
        height: first_lane + LANE * names.len() as u32,
        lanes,
        cards,
        card_height,
    }
}

/// The branches from top to bottom: what serves end users first, patterns last.
fn branches(manifest: &Manifest) -> Vec<&str> {
    let mut found: Vec<(&str, _)> = Vec::new();
    for (at, environment) in drawn(manifest).iter().enumerate() {
        let Some(branch) = &environment.branch else {
            continue;
        };
        let rank = (
            environment
                .group
                .as_ref()
                .is_some_and(|group| serves_end_users(manifest, group)),
            depth(manifest, environment),
            at,
        );
        match found.iter_mut().find(|(name, _)| *name == branch.0) {
            Some((_, known)) => *known = rank.max(*known),
            None => found.push((&branch.0, rank)),
        }
    }
    found.sort_by_key(|(name, rank)| (name.contains('*'), std::cmp::Reverse(*rank)));
    match found.is_empty() {
        true => vec!["main"],
        false => found.into_iter().map(|(name, _)| name).collect(),
    }
}

fn serves_end_users(manifest: &Manifest, name: &GroupName) -> bool {
    let is = |name: &str| matches!(name, "production" | "prod");
    let group = manifest.groups.get(name);
    is(name.as_str()) || group.is_some_and(|group| group.aliases.iter().any(|alias| is(alias)))
}

/// The lane of its branch, else of the environment before it, else the lowest.
fn feeding(manifest: &Manifest, environment: &Environment, names: &[&str], bottom: usize) -> usize {
    let mut environment = environment;
    // `after` has no cycles in a valid manifest; the bound keeps an invalid one from spinning.
    for _ in 0..=MOST_STEPS {
        if let Some(branch) = &environment.branch {
            return names
                .iter()
                .position(|name| *name == branch.0)
                .unwrap_or(bottom);
        }
        let before = environment.after.first();
        match before.and_then(|name| manifest.environments.iter().find(|e| e.name == *name)) {
            Some(before) => environment = before,
            None => break,
        }
    }
    bottom
}

/// How many environments a release passes before this one, along the first of each `after`.
fn depth(manifest: &Manifest, environment: &Environment) -> usize {
    let mut environment = environment;
    for depth in 0..MOST_STEPS {
        let before = environment.after.first();
        match before.and_then(|name| manifest.environments.iter().find(|e| e.name == *name)) {
            Some(before) => environment = before,
            None => return depth,
        }
    }
    MOST_STEPS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::super::tests::manifest, *};

    proptest! {
        #[test]
        fn nothing_overlaps_and_all_is_inside(branches in proptest::collection::vec(0_usize..7, 0..61)) {
            let mut text = String::from("[project]\nname = \"p\"\n[databases.main]\n");
            for (at, branch) in branches.iter().enumerate() {
                let star = if *branch > 4 { "/*" } else { "" };
                text += &format!("[environments.e{at}]\nbranch = \"b{branch}{star}\"\n");
            }
            let manifest = manifest(&text);
            let layout = lay_out(&manifest, 3);
            prop_assert_eq!(layout.cards.len(), branches.len());
            for pair in layout.cards.windows(2) {
                prop_assert!(pair[0].x + CARD < pair[1].x);
            }
            for card in &layout.cards {
                prop_assert!(card.x + CARD < layout.width);
                prop_assert!(card.y + layout.card_height < layout.lanes[card.lane].y);
            }
            for lane in &layout.lanes {
                if let Some((parent, joins)) = lane.parent {
                    prop_assert!(parent < layout.lanes.len() && joins < layout.width);
                }
                prop_assert!(lane.begin < lane.end && lane.end < layout.width && lane.y < layout.height);
            }
        }
    }
}
