//! Directories: which files are read, which are not, and what is said of them.

use std::{fs, os::unix::fs::symlink, path::Path};

use towpath_secrets::audit::{Audit, AuditError, Language, Limits, Reason, walk};

fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

fn audited(root: &Path) -> Audit {
    walk(root, Limits::default()).unwrap()
}

fn files(audit: &Audit) -> Vec<&str> {
    let files = audit.files.iter();
    files.map(|file| file.to_str().unwrap()).collect()
}

fn skipped(audit: &Audit) -> Vec<(&str, Reason)> {
    let skipped = audit.skipped.iter();
    skipped
        .map(|skipped| (skipped.path.to_str().unwrap(), skipped.reason.clone()))
        .collect()
}

#[test]
fn reads_are_told_with_their_places() {
    let root = directory(&[
        ("b/main.go", "package main\n\nvar x = os.Getenv(\"X\")\n"),
        ("a.ts", "const é = 1; process.env.Y\n"),
        ("tests/c.py", "import os\nos.getenv('Z', '')\n"),
        ("d.tsx", "<p>{process.env.W}</p>"),
        ("README.md", "process.env.NO"),
        ("run.sh", "echo $NO"),
    ]);
    let audit = audited(root.path());
    assert_eq!(files(&audit), ["a.ts", "b/main.go", "d.tsx", "tests/c.py"]);
    assert_eq!(skipped(&audit), []);
    let told: Vec<_> = audit
        .reads
        .iter()
        .map(|read| {
            let name = read.name.as_deref().unwrap();
            let file = read.file.to_str().unwrap();
            (
                name,
                file,
                read.line,
                read.column,
                read.in_tests,
                read.language,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("Y", "a.ts", 1, 15, false, Language::TypeScript),
            ("X", "b/main.go", 3, 9, false, Language::Go),
            ("W", "d.tsx", 1, 5, false, Language::Tsx),
            ("Z", "tests/c.py", 2, 1, true, Language::Python),
        ]
    );
}

#[test]
fn what_git_ignores_is_left_out() {
    let root = directory(&[
        (".gitignore", "dist/\n*.gen.js\n"),
        ("dist/a.js", "process.env.NO"),
        ("a.gen.js", "process.env.NO"),
        (".hidden/a.js", "process.env.NO"),
        ("b/.gitignore", "/c.js\n"),
        ("b/c.js", "process.env.NO"),
        ("b/d.js", "process.env.X"),
    ]);
    let audit = audited(root.path());
    assert_eq!(files(&audit), ["b/d.js"]);
    assert_eq!(skipped(&audit), []);
}

#[test]
fn what_others_wrote_is_skipped_and_told() {
    let root = directory(&[
        ("Cargo.toml", ""),
        ("target/debug/a.rs", ""),
        ("src/target/a.rs", ""),
        ("web/node_modules/a/index.js", ""),
        ("vendor/modules.txt", ""),
        ("vendor/a/a.go", ""),
        ("src/vendor/a.go", ""),
        ("tools/pyvenv.cfg", ""),
        ("tools/lib/a.py", ""),
    ]);
    let audit = audited(root.path());
    assert_eq!(files(&audit), ["src/target/a.rs", "src/vendor/a.go"]);
    let others = ["target", "tools", "vendor", "web/node_modules"];
    assert_eq!(skipped(&audit), others.map(|path| (path, Reason::NotYours)));
}

#[test]
fn files_that_cannot_be_read_are_told() {
    let root = directory(&[
        ("a.js", "process.env.X"),
        ("large.js", "process.env.X    "),
        ("nul.js", "a\0"),
    ]);
    fs::write(root.path().join("latin.py"), b"# \xe9").unwrap();
    symlink("a.js", root.path().join("link.js")).unwrap();
    let limits = Limits { file_bytes: 13 };
    let audit = walk(root.path(), limits).unwrap();
    assert_eq!(files(&audit), ["a.js"]);
    assert_eq!(
        skipped(&audit),
        [
            ("large.js", Reason::TooLarge(17)),
            ("latin.py", Reason::NotText),
            ("nul.js", Reason::NotText),
        ]
    );
    assert_eq!(Limits::default().file_bytes, 2 * 1024 * 1024);
}

#[test]
fn a_directory_that_is_not_there_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    let missing = walk(&root.path().join("missing"), Limits::default());
    assert!(matches!(missing, Err(AuditError::Root { .. })));
}
