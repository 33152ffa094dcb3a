//! What refers to what, as far as text tells, and the order that follows.

use std::collections::{BTreeMap, BTreeSet};

use crate::{classify::Dialect, schema::sql::words};

/// Which of some names, in lower case, a text mentions. A text that says one for another reason counts too: what is
/// taken for dependent needlessly is only dropped and made again.
pub(super) fn mentioned<'a>(
    sql: &str,
    dialect: Dialect,
    names: &'a BTreeSet<String>,
) -> BTreeSet<&'a String> {
    words(sql, dialect)
        .iter()
        .filter(|word| word.is_name())
        .filter_map(|word| {
            let name = word.name().to_lowercase();
            // A text may name something with its namespace, as in `nextval('public.numbers')`.
            let alone = name.rsplit('.').next().unwrap_or(&name).trim_matches('"');
            names.get(&name).or_else(|| names.get(alone))
        })
        .collect()
}

/// Keys in an order in which each comes after those that it needs; otherwise by key, and so where they need each other.
pub(super) fn sorted<K: Ord + Clone>(needs: &BTreeMap<K, BTreeSet<K>>) -> Vec<K> {
    let mut done = Vec::with_capacity(needs.len());
    let mut seen = BTreeSet::new();
    for key in needs.keys() {
        visit(key, needs, &mut seen, &mut done);
    }
    done
}

fn visit<K: Ord + Clone>(
    key: &K,
    needs: &BTreeMap<K, BTreeSet<K>>,
    seen: &mut BTreeSet<K>,
    done: &mut Vec<K>,
) {
    let Some(needed) = needs.get(key) else {
        return;
    };
    if !seen.insert(key.clone()) {
        return;
    }
    for other in needed {
        visit(other, needs, seen, done);
    }
    done.push(key.clone());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_comes_first() {
        let needs = |pairs: &[(&'static str, &[&'static str])]| {
            pairs
                .iter()
                .map(|(key, needs)| (*key, needs.iter().copied().collect()))
                .collect()
        };
        assert_eq!(
            sorted(&needs(&[
                ("a", &["c"]),
                ("b", &[]),
                ("c", &["b", "elsewhere"])
            ])),
            ["b", "c", "a"]
        );
        assert_eq!(
            sorted(&needs(&[("a", &["b"]), ("b", &["a"]), ("c", &["a"])])),
            ["b", "a", "c"]
        );
    }

    #[test]
    fn names_are_found_in_quotes_and_not_in_comments() {
        let names = ["a b", "users", "x"].map(str::to_owned).into();
        let found = mentioned(
            "SELECT \"A b\", 1 FROM main.Users -- x",
            Dialect::Sqlite,
            &names,
        );
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["a b", "users"]);
    }
}
