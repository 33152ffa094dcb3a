//! What is accepted for a time, found by the name of what it is about.

use std::collections::HashMap;

use jiff::civil::Date;

use super::{Acceptance, pattern};

/// As many acceptances with a `*` are looked at; nobody can answer for more, and each is compared with every name.
const MOST_PATTERNS: usize = 100;

/// Acceptances by what they name: without a `*` one each, the one that holds longest.
#[derive(Debug, Default)]
pub struct Acceptances<'a> {
    named: HashMap<&'a str, &'a Acceptance>,
    patterns: Vec<&'a Acceptance>,
}

/// Whether something is accepted on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted<'a> {
    /// It is.
    Yes(&'a Acceptance),
    /// It was, and no more.
    Ended(&'a Acceptance),
    /// It never was.
    No,
}

impl<'a> Acceptances<'a> {
    /// All of these.
    pub fn of(acceptances: impl IntoIterator<Item = &'a Acceptance>) -> Acceptances<'a> {
        let mut all = Acceptances::default();
        for acceptance in acceptances {
            if !acceptance.difference.contains('*') {
                let kept = all
                    .named
                    .entry(&acceptance.difference)
                    .or_insert(acceptance);
                if kept.until < acceptance.until {
                    *kept = acceptance;
                }
            } else if all.patterns.len() < MOST_PATTERNS {
                all.patterns.push(acceptance);
            }
        }
        all
    }

    /// Whether what has this name is accepted on that day.
    pub fn find(&self, name: &str, today: Date) -> Accepted<'a> {
        let patterns = self.patterns.iter();
        let matching = patterns.filter(|acceptance| acceptance.names(name));
        let found = matching.chain(self.named.get(name));
        match found.max_by_key(|acceptance| acceptance.until).copied() {
            Some(acceptance) if acceptance.holds(today) => Accepted::Yes(acceptance),
            Some(acceptance) => Accepted::Ended(acceptance),
            None => Accepted::No,
        }
    }
}

impl Acceptance {
    /// Whether it is about what has this name.
    pub fn names(&self, name: &str) -> bool {
        pattern::matches(&self.difference, name)
    }

    /// Whether it holds on that day; it does on its last one.
    pub fn holds(&self, today: Date) -> bool {
        today <= self.until
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn accept(difference: &str, until: Date) -> Acceptance {
        Acceptance {
            difference: difference.to_owned(),
            reason: "half the load".to_owned(),
            owner: "platform".to_owned(),
            until,
        }
    }

    #[test]
    fn the_one_that_holds_longest_counts() {
        let (early, late) = (date(2026, 11, 1), date(2026, 12, 1));
        let all = [
            accept("config.A", early),
            accept("config.*", late),
            accept("config.A", date(2026, 10, 1)),
        ];
        let all = Acceptances::of(&all);
        let until = |name, today| match all.find(name, today) {
            Accepted::Yes(acceptance) => Some((true, acceptance.until)),
            Accepted::Ended(acceptance) => Some((false, acceptance.until)),
            Accepted::No => None,
        };
        assert_eq!(until("config.A", late), Some((true, late)));
        assert_eq!(until("config.B", date(2026, 12, 2)), Some((false, late)));
        assert_eq!(until("resources.mail", early), None);
    }

    #[test]
    fn the_last_day_belongs_to_it() {
        let all = [accept("watch", date(2026, 11, 21))];
        let all = Acceptances::of(&all);
        assert!(matches!(
            all.find("watch", date(2026, 11, 21)),
            Accepted::Yes(_)
        ));
        assert!(matches!(
            all.find("watch", date(2026, 11, 22)),
            Accepted::Ended(_)
        ));
    }

    #[test]
    fn a_flood_of_patterns_is_cut() {
        let many: Vec<_> = (0..10_000)
            .map(|at| accept(&format!("*{at}"), date(2026, 11, 21)))
            .collect();
        let all = Acceptances::of(&many);
        assert_eq!(all.patterns.len(), MOST_PATTERNS);
        assert_eq!(all.find("config.A", date(2026, 11, 21)), Accepted::No);
    }
}
