//! All that git ever kept.

use std::fs;

use towpath_secrets::scan::{GitFailed, Report, scan_history};

use super::{KEY, OURS, Repository, THEIRS, known, shown};

fn scan(repository: &Repository, range: Option<&str>) -> Report {
    scan_history(repository.path(), &mut known(), range, |_| {}).unwrap()
}

/// The commits of what was found.
fn commits(report: &Report) -> Vec<&str> {
    let commit = |leak: &'_ towpath_secrets::scan::Leak| leak.place.commit.is_some();
    assert!(report.leaks.iter().all(commit));
    let leaks = report.leaks.iter();
    leaks
        .filter_map(|leak| leak.place.commit.as_deref())
        .collect()
}

#[test]
fn what_was_removed_later_is_found_with_the_commit_that_brought_it() {
    let repository = Repository::new();
    repository.write("config/a b.env", format!("A={THEIRS}\n"));
    let first = repository.commit("add");
    fs::rename(
        repository.path().join("config/a b.env"),
        repository.path().join("moved"),
    )
    .unwrap();
    repository.commit("move");
    fs::remove_file(repository.path().join("moved")).unwrap();
    repository.commit("remove");
    let report = scan(&repository, None);
    assert_eq!(
        shown(&report.leaks),
        [r#""config/a b.env":1:3 THEIRS token"#]
    );
    assert_eq!(commits(&report), [first.as_str()]);
    assert!(scan(&repository, Some("HEAD~1..HEAD")).leaks.is_empty());
}

#[test]
fn the_first_commit_of_all_counts_too() {
    let repository = Repository(tempfile::TempDir::new().unwrap());
    repository.git(&["init", "-q", "-b", "main"]);
    repository.write("key.pem", KEY);
    let first = repository.commit("begin");
    let report = scan(&repository, None);
    assert_eq!(commits(&report), [first.as_str()]);
}

#[test]
fn other_branches_stashes_and_messages_are_looked_at() {
    let repository = Repository::new();
    repository.git(&["checkout", "-q", "-b", "side"]);
    repository.write("a\nb", OURS);
    let side = repository.commit("side");
    repository.git(&["checkout", "-q", "main"]);
    repository.write("other", "x");
    let said = repository.commit(&format!("the token is {THEIRS} now"));
    let report = scan(&repository, None);
    let mut found = commits(&report);
    found.sort_unstable();
    let mut wanted = [side.as_str(), said.as_str()];
    wanted.sort_unstable();
    assert_eq!(found, wanted);
    assert!(shown(&report.leaks).contains(&r#""a\nb":1:1 OURS value"#.to_owned()));
}

#[test]
fn a_range_is_never_an_option() {
    let repository = Repository::new();
    for range in ["--output=x", ""] {
        let refused = scan_history(repository.path(), &mut known(), Some(range), |_| {});
        assert!(matches!(refused, Err(GitFailed::BadRange(_))));
    }
    let refused = scan_history(repository.path(), &mut known(), Some("nowhere"), |_| {});
    assert!(matches!(refused, Err(GitFailed::Failed { .. })));
}
