//! `towpath run`: what a command gets, what it prints, how it ends, and what is left of it.

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use nix::{
    sys::{
        signal::{Signal, kill},
        stat::Mode,
    },
    unistd::{Pid, mkfifo},
};

use super::rig::{Call, Rig, UnderWay};
use crate::project::eventually;

const VALUE: &str = "correct+horse/battery=staple&more \"quoted\" 100%";

/// A project whose staging has a secret.
fn rig() -> Rig {
    let rig = Rig::new();
    rig.set("staging", "TOKEN", VALUE);
    rig
}

/// Likewise, with one that is handed over as a file.
fn rig_with_file() -> Rig {
    let rig = rig();
    rig.set("staging", "TLS_KEY", "contents of the key file");
    rig
}

fn shell<'a>(rig: &'a Rig, environment: &str, script: &str) -> Call<'a> {
    rig.call(&format!("run {environment} --"))
        .words(["sh", "-c", script])
}

/// Runs a script that makes the file `ready`, and waits for that.
fn ready<'a>(rig: &'a Rig, script: &str) -> UnderWay<'a> {
    let mark = rig.project.path("ready");
    let script = format!(
        "{script}; : > '{}'; while :; do sleep 0.02; done",
        mark.display()
    );
    let running = shell(rig, "staging", &script).start();
    eventually("the command is ready", || mark.exists().then_some(()));
    running
}

#[test]
fn without_all_values_nothing_is_started() {
    let rig = rig();
    rig.call("secret rm staging TOKEN").ends(0);
    let mark = rig.project.path("started");
    let script = format!(": > '{}'", mark.display());
    let said = shell(&rig, "staging", &script).ends(3);
    said.says(&[
        "config::missing",
        "TOKEN has no value",
        "towpath secret set staging TOKEN",
    ]);
    assert!(!mark.exists());
    shell(&rig, "nowhere", &script).ends(3);
    rig.call("run staging --service nothing -- true").ends(3);
    rig.call("run staging").ends(2);
    assert!(!mark.exists());
}

#[test]
fn a_value_that_another_tool_took_out_is_told_to_be_gone() {
    let rig = rig();
    let path = rig.file("staging");
    let file = fs::read_to_string(&path).unwrap();
    let is_value = |line: &&str| line.trim_start().starts_with("TOKEN: ENC");
    let without: Vec<&str> = file.lines().filter(|line| !is_value(line)).collect();
    assert_eq!(without.len() + 1, file.lines().count());
    fs::write(&path, without.join("\n")).unwrap();
    shell(&rig, "staging", "true")
        .ends(3)
        .says(&["secrets/staging.yaml held TOKEN", "secret doctor staging"]);
}

#[test]
fn its_help_is_the_same_however_it_is_asked_for() {
    let rig = Rig::new();
    let told = rig.call("run --help").ends(0).stdout;
    assert!(
        told.contains("Usage: towpath run [OPTIONS] <ENVIRONMENT> -- <COMMAND>..."),
        "{told}"
    );
    // Of options alone, the reading knows everything that can be said.
    assert_eq!(
        rig.call("--as dana@acme.test run --help").ends(0).stdout,
        told
    );
    let wrong = rig.call("run --no-such-thing").ends(2).stderr;
    assert_eq!(
        rig.call("--as dana@acme.test run --no-such-thing")
            .ends(2)
            .stderr,
        wrong
    );
}

#[test]
fn it_ends_as_the_command_ends() {
    let rig = rig();
    let file = rig.project.path("no-program");
    fs::write(&file, "").unwrap();
    let no_program = file.display().to_string();
    // With secrets we stay beside the command; without, it takes our place.
    let plain = Rig::with(|manifest| {
        manifest.replace("[config.TOKEN]", "[config.TOKEN]\nrequired = false")
    });
    for (rig, environment) in [(&rig, "staging"), (&plain, "staging")] {
        for code in [0, 1, 37, 255] {
            shell(rig, environment, &format!("exit {code}")).ends(code);
        }
        let said = rig
            .call(&format!("run {environment} -- /no/such/program"))
            .ends(127);
        said.says(&["run::not-started"]);
        let said = rig
            .call(&format!("run {environment} --"))
            .words([no_program.as_str()])
            .ends(126);
        said.says(&["run::not-started"]);
    }
    for (signal, status) in [("TERM", 128 + 15), ("KILL", 128 + 9), ("SEGV", 128 + 11)] {
        shell(&rig, "staging", &format!("kill -{signal} $$")).ends(status);
        // As a shell sees it; without secrets the command is the process that it waits for.
        let script = format!("\"$0\" run staging -- sh -c 'kill -{signal} $$'; exit $?");
        let call = plain.program("sh", ["-c", &script, env!("CARGO_BIN_EXE_towpath")]);
        call.ends(status);
    }
}

#[test]
fn signals_are_passed_on() {
    let rig = rig();
    for (name, signal, code) in [
        ("TERM", Signal::SIGTERM, 40),
        ("INT", Signal::SIGINT, 41),
        ("HUP", Signal::SIGHUP, 42),
        ("USR1", Signal::SIGUSR1, 43),
    ] {
        let running = ready(
            &rig,
            &format!("trap 'echo caught {name}; exit {code}' {name}"),
        );
        running.signal(signal);
        let said = running.ended();
        assert_eq!(said.status.code(), Some(code), "{}", said.told());
        assert_eq!(said.stdout, format!("caught {name}\n"));
        fs::remove_file(rig.project.path("ready")).unwrap();
    }
    // One that the command does not catch ends both.
    let running = ready(&rig, ":");
    running.signal(Signal::SIGTERM);
    assert_eq!(running.ended().status.code(), Some(128 + 15));
}

#[test]
fn what_a_command_leaves_behind_is_heard_until_somebody_does_not_want_to_wait() {
    let rig = rig();
    let mark = rig.project.path("behind");
    let behind = |seconds: u32| {
        let mark = mark.display();
        format!("(: > '{mark}'; sleep {seconds}; printf '%s\\n' \"$TOKEN\") & echo before; exit 7")
    };
    let said = shell(&rig, "staging", &behind(1)).ends(7);
    assert_eq!(said.stdout, "before\n[redacted TOKEN]\n");
    fs::remove_file(&mark).unwrap();
    let mark_of = mark.display();
    let script = format!("sh -c 'echo $$ > {mark_of}; exec sleep 300' & exit 7");
    let running = shell(&rig, "staging", &script).start();
    let behind = eventually("it is left behind", || {
        fs::read_to_string(&mark).ok()?.trim().parse().ok()
    });
    // Until the command has ended, the signal is the command's.
    let ended = || {
        running.signal(Signal::SIGTERM);
        let stat = fs::read_to_string(format!("/proc/{}/stat", running.pid())).ok()?;
        stat.contains(") Z ").then_some(())
    };
    eventually("it is waited for no more", ended);
    kill(Pid::from_raw(behind), Signal::SIGKILL).unwrap();
    let said = running.ended();
    assert!(
        matches!(said.status.code(), Some(7 | 143)),
        "{}",
        said.told()
    );
}

#[test]
fn what_a_command_prints_at_its_end_is_heard_though_both_are_told_to_end() {
    let rig = rig();
    for _ in 0..12 {
        let script = "trap 'trap \"\" TERM; head -c 50000 /dev/zero | tr \"\\0\" x; exit 7' TERM";
        let running = ready(&rig, script);
        // Both have the signal before either can look at it.
        running.signal(Signal::SIGSTOP);
        let children = format!("/proc/{0}/task/{0}/children", running.pid());
        let children = fs::read_to_string(children).unwrap();
        let command: i32 = children.split_whitespace().next().unwrap().parse().unwrap();
        kill(Pid::from_raw(command), Signal::SIGTERM).unwrap();
        running.signal(Signal::SIGTERM);
        let ended = || {
            let stat = fs::read_to_string(format!("/proc/{command}/stat")).ok()?;
            stat.contains(") Z ").then_some(())
        };
        eventually("the command has ended", ended);
        running.signal(Signal::SIGCONT);
        let said = running.ended();
        assert_eq!(said.status.code(), Some(7), "{}", said.told());
        assert_eq!(said.stdout.len(), 50000);
        fs::remove_file(rig.project.path("ready")).unwrap();
    }
}

#[test]
fn the_log_of_writes_does_not_grow() {
    let rig = rig();
    let log = rig.project.data().join("journal.db-wal");
    let mut longest = 0;
    for _ in 0..60 {
        shell(&rig, "staging", ":").ends(0);
        longest = longest.max(fs::metadata(&log).map_or(0, |log| log.len()));
    }
    assert!((1..400_000).contains(&longest), "{longest} bytes");
    assert_eq!(rig.journal().len(), 61);
}

#[test]
fn what_is_printed_to_a_pipe_is_printed_without_the_secrets() {
    let rig = rig_with_file();
    let out = r#"printf 'raw %s end\n' "$TOKEN"; printf %s "$TOKEN" | base64 -w 0; echo; printf %s "user:$TOKEN" | base64 -w 0; echo; cat "$TLS_KEY"; echo"#;
    let percent: String = VALUE
        .bytes()
        .map(|byte| match byte {
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect();
    let script = format!("{out}; echo {percent}; {{ {out}; }} >&2");
    let said = shell(&rig, "staging", &script).ends(0);
    for text in [&said.stdout, &said.stderr] {
        assert!(
            text.starts_with("raw ") && text.contains(" end\n"),
            "{}",
            said.told()
        );
        assert!(
            text.contains("TOKEN") && text.contains("TLS_KEY"),
            "{}",
            said.told()
        );
        for form in [
            VALUE,
            &STANDARD.encode(VALUE),
            "horse",
            "contents of the key file",
            &percent,
        ] {
            assert!(!text.contains(form), "{form}: {}", said.told());
        }
        assert!(!text.contains(&STANDARD.encode(format!("user:{VALUE}"))[12..40]));
    }
}

#[test]
fn a_secret_that_is_printed_in_pieces_is_found_too() {
    let rig = rig();
    let pipe = |name: &str| {
        let path = rig.project.path(name);
        mkfifo(&path, Mode::S_IRWXU).unwrap();
        path
    };
    let (there, go) = (pipe("there"), pipe("go"));
    // Each piece is written on its own, and the next one when we have been told of it.
    let piece = |from: usize, to: usize, end: &str| {
        format!(
            "printf %s \"$TOKEN\" | cut -c{from}-{to} | tr -d '\\n' {end}; echo > '{}'; read line < '{}';",
            there.display(),
            go.display()
        )
    };
    let pieces: String = [("", 1), (">&2", 1)]
        .iter()
        .flat_map(|(end, _)| [piece(1, 3, end), piece(4, 20, end), piece(21, 200, end)])
        .collect();
    let script = format!("printf before; printf before >&2; {pieces} echo after; echo after >&2");
    let running = shell(&rig, "staging", &script).start();
    for _ in 0..6 {
        let mut line = String::new();
        File::open(&there)
            .unwrap()
            .read_to_string(&mut line)
            .unwrap();
        File::options()
            .write(true)
            .open(&go)
            .unwrap()
            .write_all(b"\n")
            .unwrap();
    }
    let said = running.ended();
    for text in [&said.stdout, &said.stderr] {
        assert!(
            text.starts_with("before") && text.ends_with("after\n"),
            "{}",
            said.told()
        );
        assert!(
            !text.contains("cor") && !text.contains("staple"),
            "{}",
            said.told()
        );
        assert!(text.contains("TOKEN"), "{}", said.told());
    }
}

#[test]
fn a_terminal_is_handed_through() {
    let rig = rig_with_file();
    let script =
        r#"test -t 0 && test -t 1 && test -t 2 && echo "all of it" && printf '%s\n' "$TOKEN""#;
    for more in ["", "; cat \"$TLS_KEY\""] {
        let inner = rig.project.path("inner.sh");
        fs::write(&inner, format!("{script}{more}\n")).unwrap();
        let line = format!(
            "{} run staging -- sh {}",
            env!("CARGO_BIN_EXE_towpath"),
            inner.display()
        );
        let call = rig.program("script", ["-qec", &line, "/dev/null"]);
        let said = call.unheard().ends(0);
        assert!(said.stdout.contains("all of it"), "{}", said.told());
        assert!(
            said.stdout.contains(VALUE),
            "what a person sees is not changed: {}",
            said.told()
        );
    }
    // Its exit status too.
    let line = format!(
        "{} run staging -- sh -c 'exit 9'",
        env!("CARGO_BIN_EXE_towpath")
    );
    rig.program("script", ["-qec", &line, "/dev/null"]).ends(9);
}

#[test]
fn keys_are_not_in_the_environment_of_the_command() {
    let rig = rig();
    let key = fs::read_to_string(rig.key_file()).unwrap();
    let call = rig
        .call("run staging -- env")
        .with("SOPS_AGE_KEY", &key)
        .with("SOPS_AGE_KEY_CMD", "true");
    let said = call.ends(0);
    assert!(said.stdout.contains("TOKEN="), "{}", said.told());
    assert!(said.stdout.contains("TOWPATH_ENVIRONMENT=staging"));
    assert!(said.stdout.contains("BY_ENVIRONMENT=environment"));
    assert!(!said.stdout.contains("SOPS_AGE"), "{}", said.told());
    assert!(!said.stdout.contains("AGE-SECRET-KEY"), "{}", said.told());
    // A service's own, where one is named.
    let said = rig.call("run staging --service worker -- env").ends(0);
    assert!(!said.stdout.contains("TOKEN="), "{}", said.told());
    let said = rig.call("run staging --service web -- env").ends(0);
    assert!(
        said.stdout.contains("BY_SERVICE=web") && said.stdout.contains("TOKEN="),
        "{}",
        said.told()
    );
}

/// Runs with credential files in a directory of the test's own.
fn runtime(rig: &Rig) -> PathBuf {
    let runtime = rig.project.path("runtime");
    fs::create_dir_all(&runtime).unwrap();
    runtime
}

fn left(runtime: &Path) -> usize {
    fs::read_dir(runtime).unwrap().count()
}

#[test]
fn credential_files_are_private_and_gone_afterwards() {
    let rig = rig_with_file();
    let runtime = runtime(&rig);
    let run = |script: &str, code: i32| {
        shell(&rig, "staging", script)
            .with("XDG_RUNTIME_DIR", &runtime)
            .ends(code)
    };
    let script = r#"test "$TLS_KEY" = "$CREDENTIALS_DIRECTORY/TLS_KEY"; stat -c %a "$TLS_KEY" "$CREDENTIALS_DIRECTORY"; wc -c < "$TLS_KEY"; exit 5"#;
    let said = run(script, 5);
    assert_eq!(said.stdout, "400\n700\n24\n", "{}", said.told());
    assert_eq!(left(&runtime), 0);
    run("kill -9 $$", 128 + 9);
    assert_eq!(left(&runtime), 0);
    rig.call("run staging -- /no/such/program")
        .with("XDG_RUNTIME_DIR", &runtime)
        .ends(127);
    assert_eq!(left(&runtime), 0);
}

#[test]
fn what_a_killed_one_has_left_is_swept_and_nobody_elses() {
    let rig = rig_with_file();
    let runtime = runtime(&rig);
    let gate = |name: &str| {
        let path = rig.project.path(name);
        mkfifo(&path, Mode::S_IRWXU).unwrap();
        path
    };
    let waiting = |name: &str, gate: &Path| {
        let mark = rig.project.path(name);
        let script = format!(": > '{}'; read line < '{}'", mark.display(), gate.display());
        let call = shell(&rig, "staging", &script).with("XDG_RUNTIME_DIR", &runtime);
        let running = call.start();
        eventually("it runs", || mark.exists().then_some(()));
        running
    };
    let open = |gate: &Path| {
        let mut file = File::options().write(true).open(gate).unwrap();
        file.write_all(b"\n").unwrap();
    };
    let (first, second) = (gate("gate-1"), gate("gate-2"));
    let living = waiting("first", &first);
    assert_eq!(left(&runtime), 1);
    let killed = waiting("second", &second);
    assert_eq!(left(&runtime), 2);
    killed.signal(Signal::SIGKILL);
    // Its command lives on, and holds what it prints to.
    open(&second);
    assert!(killed.ended().was_killed());
    assert_eq!(left(&runtime), 2);
    let next = shell(&rig, "staging", "true").with("XDG_RUNTIME_DIR", &runtime);
    next.ends(0);
    assert_eq!(left(&runtime), 1, "that of the living one stays");
    open(&first);
    assert_eq!(living.ended().status.code(), Some(0));
    assert_eq!(left(&runtime), 0);
}

#[test]
fn a_developers_own_values_count_in_local_alone() {
    let rig = rig();
    rig.set("local", "TOKEN", "of the file");
    rig.project.write(
        ".env.local",
        "TOKEN=of-my-own\nBY_GROUP=mine\nUNDECLARED=too\n",
    );
    let print = r#"test "$TOKEN" = of-my-own && echo own token; echo "$BY_GROUP $UNDECLARED""#;
    let said = shell(&rig, "local", print).ends(0);
    assert_eq!(said.stdout, "own token\nmine too\n");
    let said = shell(&rig, "staging", print).ends(0);
    assert_eq!(said.stdout, "group \n");
    // Neither do they get into a deployment.
    rig.deploy("own values");
    let web = rig.service("web");
    assert_eq!(
        (web.get("BY_GROUP"), web.get("UNDECLARED")),
        (Some("group"), None)
    );
    assert_eq!(web.get("TOKEN"), Some(VALUE));
}

#[test]
fn who_may_not_is_refused_before_anything_is_opened() {
    let rig = rig();
    rig.set("staging", "TOKEN", "another");
    let mark = rig.project.path("started");
    let script = format!(": > '{}'", mark.display());
    // With a key file that cannot be read, whoever gets as far as that is told so.
    let call = shell(&rig, "staging", &script)
        .by("mallory")
        .with("SOPS_AGE_KEY_FILE", "/no/such/file");
    call.ends(3)
        .says(&["path::not-allowed", "mallory@acme.test may not"]);
    shell(&rig, "staging", &script)
        .with("SOPS_AGE_KEY_FILE", "/no/such/file")
        .ends(7);
    rig.call("secret get staging TOKEN --reveal")
        .by("mallory")
        .ends(3)
        .says(&["path::not-allowed"]);
    assert!(!mark.exists());
    let reads = rig
        .journal()
        .into_iter()
        .filter(|record| record.to_string().contains("secrets-read"));
    let by: Vec<String> = reads.map(|record| record.to_string()).collect();
    assert!(
        by.iter().all(|record| record.contains("dana@acme.test")),
        "{by:?}"
    );
}

#[test]
fn every_use_is_in_the_journal_with_who_and_why_and_without_values() {
    let rig = rig();
    rig.call("run staging -m 'mail does not go out' --")
        .words(["sh", "-c", "echo --password=hunter22 > /dev/null"])
        .ends(0);
    rig.call("run staging -- true").ends(0);
    rig.call("secret get staging TOKEN --reveal -m 'to compare'")
        .unheard()
        .ends(0);
    let records: Vec<String> = rig.journal().iter().map(ToString::to_string).collect();
    let with = |texts: &[&str]| {
        let has_all = |record: &&String| texts.iter().all(|text| record.contains(text));
        records.iter().filter(has_all).count()
    };
    assert_eq!(
        with(&["dana@acme.test", "\"run\"", "TOKEN", "mail does not go out"]),
        1,
        "{records:#?}"
    );
    assert_eq!(
        with(&["dana@acme.test", "\"run\"", "TOKEN", "runs true"]),
        1,
        "{records:#?}"
    );
    assert_eq!(
        with(&["dana@acme.test", "\"get\"", "TOKEN", "to compare"]),
        1,
        "{records:#?}"
    );
    assert_eq!(
        with(&["dana@acme.test", "\"set\"", "TOKEN"]),
        1,
        "{records:#?}"
    );
    // People write secrets into arguments.
    assert_eq!(with(&["hunter22"]) + with(&["horse"]), 0, "{records:#?}");
}

#[test]
fn core_dumps_are_the_commands_own_affair() {
    let rig = rig_with_file();
    let script = |line: &str| format!("ulimit -S -c 1000 && exec \"$0\" {line}");
    let with_limit = |line: &str| {
        let text = script(line);
        rig.program("sh", ["-c", &text, env!("CARGO_BIN_EXE_towpath")])
    };
    // Beside us, and in our place.
    let said = with_limit("run staging -- sh -c 'ulimit -S -c'").ends(0);
    assert_eq!(said.stdout, "1000\n", "{}", said.told());
    let plain = "run staging --service worker -- sh -c 'ulimit -S -c'";
    assert_eq!(with_limit(plain).ends(0).stdout, "1000\n");
    rig.project.commit("secrets");
    with_limit("deploy staging").ends(0);
    let limits = fs::read_to_string(format!("/proc/{}/limits", rig.pid("web"))).unwrap();
    let cores = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    assert!(!cores.split_whitespace().any(|word| word == "0"), "{cores}");
    // We ourselves leave none.
    let running = ready(&rig, ":");
    let limits = fs::read_to_string(format!("/proc/{}/limits", running.pid())).unwrap();
    let cores = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    assert_eq!(cores.split_whitespace().nth(4), Some("0"), "{cores}");
    running.signal(Signal::SIGTERM);
    running.ended();
}

#[test]
fn elsewhere_is_as_if_started_there() {
    let rig = rig();
    rig.project.write("given.env", "TOKEN=of the file\n");
    let tree = rig.project.clone();
    let outside = tempfile::tempdir().unwrap();
    let from_outside = |line: &str| {
        let line = format!("-C {} {line}", tree.display());
        let mut call = rig.call(&line);
        call.command.current_dir(outside.path());
        call
    };
    from_outside("secret import staging given.env --overwrite").ends(0);
    let said = from_outside("run staging -- cat given.env").ends(0);
    assert_eq!(said.stdout, "TOKEN=[redacted TOKEN]\n");
    from_outside("secret export staging --reveal --output taken.env").ends(0);
    let taken = fs::read_to_string(tree.join("taken.env")).unwrap();
    assert_eq!(taken, "TOKEN='of the file'\n");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    let call = rig.call("-C no/such/place status").run();
    assert_eq!(call.status.code(), Some(7));
    call.says(&["could not work in no/such/place"]);
}
