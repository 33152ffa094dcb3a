//! Variables and files.

use std::{
    fs::{self, Permissions},
    os::unix::{
        fs::{PermissionsExt, symlink},
        net::UnixListener,
    },
};

use nix::{sys::stat::Mode, unistd::mkfifo};
use towpath_secrets::provider::{Kind, LARGEST, Reference};

use super::{assert_refused, one, settings};

#[tokio::test]
async fn variables_are_those_that_were_given() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(
        directory.path(),
        &[
            ("TOKEN", "open sesame\n"),
            ("JSON", r#"{"a":["x"]}"#),
            ("EMPTY", ""),
        ],
    );
    // What a variable holds is nobody's file: its line ending is its own.
    assert_eq!(
        one(settings.clone(), "env://TOKEN").await.unwrap(),
        "open sesame\n"
    );
    assert_eq!(one(settings.clone(), "env://EMPTY").await.unwrap(), "");
    assert_eq!(one(settings.clone(), "env://JSON#a.0").await.unwrap(), "x");
    assert_refused(
        &one(settings.clone(), "env://JSON#b").await,
        Kind::NotFound,
        "no field `b`",
    );
    assert_refused(
        &one(settings.clone(), "env://TOKEN#b").await,
        Kind::Malformed,
        "it is not JSON",
    );
    assert_refused(
        &one(settings, "env://HOME").await,
        Kind::NotFound,
        "no variable HOME",
    );
}

#[tokio::test]
async fn one_line_ending_is_taken_off_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path(), &[]);
    for (content, value) in [
        ("a", "a"),
        ("a\n", "a"),
        ("a\r\n", "a"),
        ("a\n\n", "a\n"),
        ("\n", ""),
        ("", ""),
        (" a ", " a "),
    ] {
        fs::write(directory.path().join("secret"), content).unwrap();
        for reference in ["file://secret", "file://./x/../secret"] {
            fs::create_dir_all(directory.path().join("x")).unwrap();
            assert_eq!(one(settings.clone(), reference).await.unwrap(), value);
        }
    }
    let absolute = format!("file://{}", directory.path().join("secret").display());
    assert_eq!(one(settings, &absolute).await.unwrap(), " a ");
}

#[tokio::test]
async fn what_is_no_file_of_text_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path(), &[]);
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("directory")).unwrap();
    mkfifo(&path("pipe"), Mode::S_IRWXU).unwrap();
    let _socket = UnixListener::bind(path("socket")).unwrap();
    fs::write(path("bytes"), b"hunter2\xff").unwrap();
    fs::write(path("large"), vec![b'x'; LARGEST + 1]).unwrap();
    fs::write(path("largest"), vec![b'x'; LARGEST]).unwrap();
    for (reference, part) in [
        ("file://directory", "it is a directory"),
        ("file://pipe", "it is no plain file"),
        ("file://socket", ""),
        ("file://bytes", "not text in UTF-8"),
        ("file://large", "larger than 1 MiB"),
        ("file:///dev/zero", "it is no plain file"),
    ] {
        assert_refused(
            &one(settings.clone(), reference).await,
            Kind::Malformed,
            part,
        );
    }
    assert_eq!(
        one(settings.clone(), "file://largest").await.unwrap().len(),
        LARGEST
    );
    assert_refused(
        &one(settings.clone(), "file://none").await,
        Kind::NotFound,
        "no such file",
    );
    assert_refused(
        &one(settings, "file://bytes/none").await,
        Kind::NotFound,
        "no such file",
    );
}

#[tokio::test]
async fn links_lead_out_of_the_directory_only_by_absolute_paths() {
    let outside = tempfile::tempdir().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path(), &[]);
    fs::write(outside.path().join("theirs"), "hunter2").unwrap();
    fs::write(directory.path().join("ours"), "ours").unwrap();
    symlink("ours", directory.path().join("inward")).unwrap();
    symlink(
        outside.path().join("theirs"),
        directory.path().join("outward"),
    )
    .unwrap();
    symlink(outside.path(), directory.path().join("away")).unwrap();
    assert_eq!(
        one(settings.clone(), "file://inward").await.unwrap(),
        "ours"
    );
    for reference in ["file://outward", "file://away/theirs"] {
        assert_refused(
            &one(settings.clone(), reference).await,
            Kind::Denied,
            "leads out",
        );
    }
    let absolute = format!("file://{}", directory.path().join("outward").display());
    assert_eq!(one(settings, &absolute).await.unwrap(), "hunter2");
}

#[test]
fn a_file_that_others_may_read_is_noted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret");
    fs::write(&path, "hunter2").unwrap();
    let reference: Reference = "file://secret".parse().unwrap();
    let note = |mode| {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        reference.note(directory.path())
    };
    assert_eq!(note(0o600), None);
    assert!(
        note(0o640)
            .unwrap()
            .starts_with("the file's group may read file://secret (mode 640)")
    );
    assert!(
        note(0o604)
            .unwrap()
            .starts_with("everybody on this machine")
    );
    assert_eq!(
        "env://A"
            .parse::<Reference>()
            .unwrap()
            .note(directory.path()),
        None
    );
}
