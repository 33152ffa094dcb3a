//! Secrets that a program prints. No shell sees its arguments, it gets no input, and whatever it started in its group
//! of processes ends when its time is over.

use std::{
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
};
use zeroize::Zeroizing;

use super::{Environment, LARGEST, ProviderError, error::line, fetch::Fetched, value};

/// How much is kept of what a program says about its trouble.
const COMPLAINT: usize = 16 * 1024;

pub(super) async fn fetch(
    base: &Path,
    environment: &Environment,
    program: &str,
    arguments: &[String],
) -> Fetched {
    let base = std::path::absolute(base)
        .map_err(|error| ProviderError::malformed(format!("the base directory: {error}")))?;
    let child = Command::new(place(&base, environment, program)?)
        .args(arguments)
        .current_dir(&base)
        .env_clear()
        .envs(environment.all())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| not_started(&error))?;
    let mut running = Running(Some(child));
    let (output, complaint) = running.outputs().await?;
    let status = running.end().await?;
    if !status.success() {
        return Err(failed(status, &output, &complaint));
    }
    value(output.to_vec())
}

/// The executable that is meant. The search path is that of the environment we were given, and not our own.
fn place(base: &Path, environment: &Environment, program: &str) -> Result<PathBuf, ProviderError> {
    if program.contains('/') {
        return Ok(base.join(program));
    }
    let path = environment.get("PATH").unwrap_or_default();
    let mut candidates =
        std::env::split_paths(path).map(|directory| base.join(directory).join(program));
    let missing = || {
        ProviderError::not_found(format!("no directory of PATH has a program {program}")).with_help(
            "install the program, or write its path, such as `exec://./scripts/token.sh`",
        )
    };
    candidates
        .find(|path| {
            nix::unistd::access(path, nix::unistd::AccessFlags::X_OK).is_ok() && path.is_file()
        })
        .ok_or_else(missing)
}

fn not_started(error: &std::io::Error) -> ProviderError {
    match error.kind() {
        std::io::ErrorKind::NotFound => {
            ProviderError::not_found("there is no such program, or not what runs it")
                .with_help("install the program, and look at the first line of the script")
        }
        std::io::ErrorKind::PermissionDenied => ProviderError::denied("we may not run the program")
            .with_help("make it executable: `chmod +x`"),
        _ => ProviderError::malformed(format!("the program does not start: {error}")),
    }
}

/// A program and all in its group, which are killed when this is dropped before the program's end was seen. Until then
/// the number of the group is nobody else's.
struct Running(Option<Child>);

impl Running {
    /// All that it prints, until nobody is left who could print.
    async fn outputs(&mut self) -> Result<(Zeroizing<Vec<u8>>, Zeroizing<Vec<u8>>), ProviderError> {
        let child = self.0.as_mut().expect("it was started");
        let output = child.stdout.take().expect("its output is ours");
        let complaint = child.stderr.take().expect("its errors are ours");
        tokio::try_join!(all(output), last(complaint))
    }

    async fn end(&mut self) -> Result<ExitStatus, ProviderError> {
        let child = self.0.as_mut().expect("it was started");
        let status = child.wait().await.map_err(|error| not_read(&error))?;
        self.0 = None;
        Ok(status)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let id = self.0.as_ref().and_then(Child::id);
        if let Some(group) = id.and_then(|id| i32::try_from(id).ok()) {
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
    }
}

fn not_read(error: &std::io::Error) -> ProviderError {
    ProviderError::malformed(format!("the program cannot be followed: {error}"))
}

/// All that is printed, if it is not too much.
async fn all(from: impl AsyncRead + Unpin) -> Result<Zeroizing<Vec<u8>>, ProviderError> {
    // Made as large as it may become: growing would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LARGEST + 2));
    let most = u64::try_from(LARGEST).expect("a mebibyte is a small number") + 1;
    let read = from.take(most).read_to_end(&mut bytes).await;
    read.map_err(|error| not_read(&error))?;
    if bytes.len() > LARGEST {
        return Err(ProviderError::malformed(
            "the program prints more than 1 MiB",
        ));
    }
    Ok(bytes)
}

/// The end of all that is printed, however much it is.
async fn last(mut from: impl AsyncRead + Unpin) -> Result<Zeroizing<Vec<u8>>, ProviderError> {
    let mut kept = Zeroizing::new(Vec::with_capacity(2 * COMPLAINT));
    let mut piece = Zeroizing::new([0; COMPLAINT]);
    loop {
        match from
            .read(&mut *piece)
            .await
            .map_err(|error| not_read(&error))?
        {
            0 => return Ok(kept),
            read => kept.extend_from_slice(&piece[..read]),
        }
        let excess = kept.len().saturating_sub(COMPLAINT);
        kept.drain(..excess);
    }
}

/// How a program failed, in its own last words, unless they tell what it had printed.
fn failed(status: ExitStatus, output: &[u8], complaint: &[u8]) -> ProviderError {
    let complaint = Zeroizing::new(String::from_utf8_lossy(whole_lines(complaint)).into_owned());
    let words = complaint
        .lines()
        .map(str::trim)
        .rfind(|words| !words.is_empty());
    let words = words.map(|words| told(words, output)).unwrap_or_default();
    let why = match words.as_str() {
        "" => format!("the program ended with {status}"),
        words => format!("the program ended with {status}: {words}"),
    };
    ProviderError::denied(why).with_help("run the program by hand to see what it lacks")
}

/// A complaint without a line whose beginning was not kept: half a value in it would not be known for one.
fn whole_lines(complaint: &[u8]) -> &[u8] {
    if complaint.len() < COMPLAINT {
        return complaint;
    }
    let end = complaint.iter().position(|&byte| byte == b'\n');
    end.map_or(&[], |end| &complaint[end..])
}

/// What a program complains of. One that has printed something may repeat it there in any form, taken out of a document
/// or put into a sentence: then nothing of it is told.
fn told(words: &str, output: &[u8]) -> String {
    match output.trim_ascii() {
        b"" => line(words),
        _ => "what it complains of is not shown, as it had printed something before".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_printed_something_is_not_quoted() {
        for (output, words) in [
            ("hunter2\n", "hunter2 is wrong"),
            ("{\"token\":\"hunter2\"}", "token hunter2 is expired"),
            ("TOKEN=hunter2", "hunter2 refused"),
            ("\"hunter2\"", "bad: hunter2"),
        ] {
            assert!(
                !told(words, output.as_bytes()).contains("hunter2"),
                "{output}"
            );
        }
        assert_eq!(told("not signed in", b"\n"), "not signed in");
    }

    #[tokio::test]
    async fn only_the_end_of_a_long_complaint_is_kept() {
        let long = vec![b'x'; 5 * COMPLAINT];
        let kept = last([&long[..], b"\nend"].concat().as_slice())
            .await
            .unwrap();
        assert_eq!(kept.len(), COMPLAINT);
        assert!(kept.ends_with(b"\nend"));
    }
}
