//! What the demo runs beside itself, checked before anything begins.

use std::process::Stdio;

use tokio::process::Command;

use super::DemoError;

/// The oldest Rust that builds the guestbook; its `Cargo.toml` says the same.
const RUST: (u32, u32) = (1, 94);

/// Checks that everything is there, and answers.
pub(super) async fn check() -> Result<(), DemoError> {
    let packages = "install it with your system's package manager, then run the demo again";
    let rust = "install Rust from https://rustup.rs (the demo builds a small service with it), then run the demo again";
    ask("git", packages).await?;
    // SQLite comes with the guestbook, in C.
    ask("cc", &format!("this is the C compiler: {packages}")).await?;
    let said = ask("cargo", rust).await?;
    match version(&said) {
        Some(found) if found < RUST => Err(DemoError::new(
            "demo::old-rust",
            format!(
                "{said} is too old: the demo's service needs {}.{}",
                RUST.0, RUST.1
            ),
            "`rustup update stable`, then run the demo again",
        )),
        _ => Ok(()),
    }
}

/// What a program says of its version.
async fn ask(program: &str, help: &str) -> Result<String, DemoError> {
    let missing = |what: String| DemoError::new("demo::missing-program", what, help);
    let output = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => missing(format!("{program} is not installed")),
            _ => missing(format!("could not run {program}: {error}")),
        })?;
    if !output.status.success() {
        // What follows an empty line is for those who made it.
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim().split("\n\n").next().unwrap_or_default();
        return Err(missing(format!("{program} does not work: {said}")));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    Ok(said.lines().next().unwrap_or_default().to_owned())
}

/// The major and minor version in `cargo 1.94.0 (…)`.
fn version(said: &str) -> Option<(u32, u32)> {
    let mut numbers = said.split_whitespace().nth(1)?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(
            version("cargo 1.94.0 (85eff7c80 2026-01-15)"),
            Some((1, 94))
        );
        assert!(version("cargo 1.100.0-nightly") > Some(RUST));
        assert!(version("cargo 1.9.0") < Some(RUST));
        assert_eq!(version("a cargo of apples"), None);
    }

    #[tokio::test]
    async fn what_is_missing_is_named_with_its_remedy() {
        let error = ask("towpath-no-such-program", "install it")
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "towpath-no-such-program is not installed"
        );
        assert_eq!(error.help(), "install it");
        let error = ask("false", "mend it").await.unwrap_err();
        assert!(error.to_string().starts_with("false does not work"));
    }
}
