//! The work tree, what is staged, and texts.

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt};

use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::SecretString;
use towpath_secrets::{
    fingerprint::FingerprintKey,
    scan::{How, Known, LARGEST_FILE, scan_staged, scan_text, scan_tree},
};

use super::{KEY, OURS, Repository, THEIRS, known, shown};

fn names(text: impl AsRef<[u8]>) -> Vec<String> {
    let found = scan_text(&mut known(), text.as_ref());
    found.into_iter().map(|found| found.name).collect()
}

#[test]
fn a_value_that_nobody_here_can_read_is_found() {
    let user = STANDARD.encode(format!("user:{THEIRS}"));
    for text in [
        format!("TOKEN={THEIRS}"),
        format!("token: '{THEIRS}' # new"),
        format!("{{\"token\": \"{THEIRS}\"}}"),
        format!("login(user, \"{THEIRS}\");"),
        format!("postgres://app:{THEIRS}@db.internal/app"),
        "https://app:kX9%2FfG2%2BpQ%3A7w@db.internal/app".to_owned(),
        format!("secret = {}", STANDARD.encode(THEIRS)),
        format!("Authorization: Basic {user}"),
    ] {
        assert_eq!(names(&text), ["THEIRS"], "{text}");
    }
    let mut binary = vec![0, 159, 1, 255];
    binary.extend_from_slice(THEIRS.as_bytes());
    binary.extend_from_slice(&[0, 200, 3]);
    assert_eq!(names(binary), ["THEIRS"]);
}

#[test]
fn a_key_of_many_lines_is_found() {
    assert_eq!(names(KEY), ["KEY"]);
    assert_eq!(names(KEY.trim_end()), [""; 0], "another value");
    assert_eq!(names(format!("before\n{KEY}after\n")), ["KEY"]);
    let json = KEY.replace('\n', "\\n");
    assert_eq!(names(format!("{{\"key\": \"{json}\"}}")), ["KEY"]);
    assert_eq!(names(STANDARD.encode(KEY)), ["KEY"]);
}

#[test]
fn a_value_that_is_known_is_found_in_the_middle_of_anything() {
    let found = scan_text(&mut known(), format!("é\naé{OURS}bc").as_bytes());
    assert_eq!(
        (found[0].line, found[0].column, found[0].how),
        (2, 3, How::Value)
    );
    let inside = STANDARD.encode(format!("x{OURS}y"));
    let found = scan_text(&mut known(), format!("data:{inside}").as_bytes());
    assert_eq!(found[0].how, How::Encoded);
    assert_eq!(found.len(), 1);
}

#[test]
fn a_short_value_in_a_word_is_none() {
    let mut known = Known::new(&FingerprintKey::from_bytes(&[7; 32]));
    assert!(known.add_value("WORD", &SecretString::from("postgres")));
    assert!(!known.add_value("SHORT", &SecretString::from("short")));
    assert!(scan_text(&mut known, b"use postgresql; short").is_empty());
    assert_eq!(scan_text(&mut known, b"password postgres").len(), 1);
}

#[test]
fn lines_that_are_in_everybodys_file_are_no_part_of_a_key() {
    let value = "{\n  \"type\": \"service_account\",\n  \"token_uri\": \"https://oauth2.googleapis.com/token\",\n  \"key\": \"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcw\"\n}";
    let mut known = Known::new(&FingerprintKey::from_bytes(&[7; 32]));
    assert!(known.add_value("ACCOUNT", &SecretString::from(value)));
    let usual =
        b"\"type\": \"service_account\",\n\"token_uri\": \"https://oauth2.googleapis.com/token\",";
    assert!(scan_text(&mut known, usual).is_empty());
    let part = b"  \"key\": \"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcw\"";
    assert_eq!(scan_text(&mut known, part)[0].how, How::Encoded);
}

#[test]
fn one_value_of_two_places_is_told_of_both() {
    let key = FingerprintKey::from_bytes(&[7; 32]);
    let mut known = Known::new(&key);
    known.add_fingerprint("A of production", key.fingerprint(OURS));
    assert!(known.add_value("A of staging", &SecretString::from(OURS)));
    let found = scan_text(&mut known, OURS.as_bytes());
    let names: Vec<_> = found.iter().map(|found| found.name.as_str()).collect();
    assert_eq!(names, ["A of production", "A of staging"]);
}

#[test]
fn fingerprints_of_several_keys_are_compared() {
    let (one, other) = (
        FingerprintKey::from_bytes(&[1; 32]),
        FingerprintKey::from_bytes(&[2; 32]),
    );
    let mut known = Known::new(&one);
    known.add_fingerprint("OTHER", other.fingerprint(OURS));
    assert!(scan_text(&mut known, OURS.as_bytes()).is_empty());
    known.add_key(&other);
    assert!(known.has_key(&other.id()));
    assert_eq!(scan_text(&mut known, OURS.as_bytes()).len(), 1);
}

#[test]
fn what_git_has_or_would_take_is_looked_at() {
    let repository = Repository::new();
    repository.write(".gitignore", "*.local\n");
    repository.write("ignored.local", OURS);
    repository.write(".hidden/new.txt", format!("a\n {THEIRS}\n"));
    repository.write("tracked.local", OURS);
    repository.git(&["add", "-f", "tracked.local"]);
    let hostile = repository
        .path()
        .join(OsStr::from_bytes(b"-\xff\n\"'$(x).txt"));
    fs::write(hostile, OURS).unwrap();
    std::os::unix::fs::symlink("/dev/zero", repository.path().join("link")).unwrap();
    let report = scan_tree(repository.path(), &mut known());
    assert_eq!(
        shown(&report.leaks),
        [
            r#""-\xFF\n\"'$(x).txt":1:1 OURS value"#,
            r#"".hidden/new.txt":2:2 THEIRS token"#,
            r#""tracked.local":1:1 OURS value"#,
        ]
    );
    assert!(report.skipped.is_empty());
}

#[test]
fn what_is_too_large_is_told() {
    let repository = Repository::new();
    let file = fs::File::create(repository.path().join("large")).unwrap();
    file.set_len(LARGEST_FILE + 1).unwrap();
    let report = scan_tree(repository.path(), &mut known());
    assert_eq!(report.skipped.len(), 1);
    assert_eq!(report.skipped[0].path.to_str(), Some("large"));
}

#[test]
fn only_what_is_staged_is_about_to_be_committed() {
    let repository = Repository::new();
    repository.write("not staged", OURS);
    repository.write("staged", THEIRS);
    repository.git(&["add", "staged"]);
    // What is in the index counts, not what lies there.
    repository.write("staged", "nothing");
    repository.write("a\nb", OURS);
    repository.git(&["add", "a\nb"]);
    let report = scan_staged(repository.path(), &mut known()).unwrap();
    assert_eq!(
        shown(&report.leaks),
        [r#""a\nb":1:1 OURS value"#, r#""staged":1:1 THEIRS token"#]
    );
    repository.git(&["reset", "-q"]);
    let report = scan_staged(repository.path(), &mut known()).unwrap();
    assert!(report.leaks.is_empty() && report.files == 0);
}
