//! Many writers at once: in one process, in several, and some that are killed.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use towpath::store::{Store, StoreError};
use towpath_core::path::Refusal;

use super::{Journal, all, at, branch, cut, dana, lock, policy, release, write};

/// The variables that make a writer of this executable.
const JOURNAL: &str = "TOWPATH_TEST_JOURNAL";
const WRITER: &str = "TOWPATH_TEST_WRITER";

const EACH: u64 = 40;

#[tokio::test]
async fn writers_of_several_handles_lose_nothing() {
    let journal = Journal::new();
    let mut tasks = tokio::task::JoinSet::new();
    for handle in 0..3 {
        let store = journal.open().await;
        for task in 0..3 {
            let store = store.clone();
            tasks.spawn(async move {
                for n in 0..EACH {
                    let name = format!("branch-{handle}-{task}");
                    write(&store, &[branch(&name, n)]).await.unwrap();
                }
            });
        }
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    let store = journal.open().await;
    assert_eq!(store.verify().await.unwrap().records, 9 * EACH);
    assert!(store.replay().await.unwrap().repaired.is_empty());
    let state = store.state().await.unwrap();
    assert_eq!(state.branches.len(), 9);
    let last = format!("{:040x}", EACH - 1);
    assert!(state.branches.values().all(|commit| commit.0 == last));
}

#[tokio::test]
async fn each_handle_knows_what_the_others_wrote() {
    let journal = Journal::new();
    let (one, other) = (journal.open().await, journal.open().await);
    for n in 0..20 {
        let (writer, reader) = match n % 2 {
            0 => (&one, &other),
            _ => (&other, &one),
        };
        let number = release(writer, n).await;
        assert_eq!(u64::from(number.0), n + 1);
        let seen = reader.release(number).await.unwrap().unwrap();
        assert_eq!(seen.source.subject, format!("number {n}"));
        assert_eq!(reader.state().await.unwrap().last_release, number.0);
    }
    assert_eq!(one.state().await.unwrap(), other.state().await.unwrap());
}

#[tokio::test]
async fn a_decision_is_made_on_what_is_so_now() {
    let journal = Journal::new();
    let (one, other) = (journal.open().await, journal.open().await);
    one.state().await.unwrap();
    let lee = towpath_core::path::Actor::person("lee@acme.test");
    let locked = other.transact(&lee, &[lock("mine")], None, at(0)).await;
    assert_eq!(locked.unwrap().records.len(), 1);
    let refused = write(&one, &[lock("no, mine")]).await;
    assert!(
        matches!(refused, Err(StoreError::Refused(Refusal::Locked { .. }))),
        "a lock was given twice"
    );
    assert_eq!(one.verify().await.unwrap().records, 1);
}

#[tokio::test]
async fn of_several_commands_all_are_written_or_none() {
    let journal = Journal::new();
    let store = journal.open().await;
    let unlock = towpath_core::path::Command::Unlock {
        policy: policy("staging"),
    };
    // The last of them is refused: there is no such lock.
    let refused = write(&store, &[cut(1), branch("develop", 1), unlock]).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))));
    assert_eq!(store.verify().await.unwrap().records, 0);
    let state = store.state().await.unwrap();
    assert!(state.branches.is_empty() && state.last_release == 0);
    assert_eq!(release(&store, 1).await.0, 1);
}

#[tokio::test]
async fn a_source_is_cut_once_however_many_ask() {
    let journal = Journal::new();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let store = journal.open().await;
        tasks.spawn(async move { release(&store, 7).await });
    }
    while let Some(number) = tasks.join_next().await {
        assert_eq!(number.unwrap().0, 1);
    }
    let store = journal.open().await;
    assert_eq!(store.state().await.unwrap().last_release, 1);
}

#[tokio::test]
async fn who_listens_hears_every_record_in_its_order() {
    let journal = Journal::new();
    let store = journal.open().await;
    let mut heard = store.subscribe();
    for n in 0..50 {
        write(&store, &[branch("develop", n), cut(n)])
            .await
            .unwrap();
    }
    for expected in all(&store, 500).await {
        assert_eq!(*heard.recv().await.unwrap(), expected);
    }
}

/// Writes until it has written enough, and says so each time. Run by the tests below, in processes of its own.
#[tokio::test]
#[ignore = "a part of the tests below, which start it"]
async fn a_writer() {
    let journal = std::env::var_os(JOURNAL).unwrap();
    let writer = std::env::var(WRITER).unwrap();
    let store = Store::open(journal.as_ref()).await.unwrap();
    for n in 1.. {
        write(&store, &[branch(&writer, n)]).await.unwrap();
        println!("wrote {n}");
    }
}

fn start_writer(journal: &Journal, name: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "store::writers::a_writer",
            "--ignored",
            "--nocapture",
        ])
        .env(JOURNAL, journal.path())
        .env(WRITER, name)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Reads what a writer says until it has written so often; returns the last that it was sure of.
fn wrote(child: &mut Child, enough: u64) -> u64 {
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let numbers = lines.map_while(Result::ok).filter_map(|line| {
        // The test harness prints its own words on the same line.
        line.rsplit_once("wrote ")?.1.parse::<u64>().ok()
    });
    let mut last = 0;
    for number in numbers {
        last = number;
        if number >= enough {
            break;
        }
    }
    last
}

#[tokio::test]
async fn writers_that_are_killed_leave_whole_records() {
    let journal = Journal::new();
    // Whoever is first makes the file; here it is nobody's turn yet.
    let names = ["one", "two", "three"];
    let mut children = names.map(|name| start_writer(&journal, name));
    let sure: Vec<u64> = children.iter_mut().map(|child| wrote(child, 30)).collect();
    for child in &mut children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let store = journal.open().await;
    let verified = store.verify().await.unwrap();
    assert!(store.replay().await.unwrap().repaired.is_empty());
    let state = store.state().await.unwrap();
    for (name, sure) in names.iter().zip(sure) {
        let written = u64::from_str_radix(&state.branches[*name].0, 16).unwrap();
        assert!(
            written >= sure,
            "{name} was sure of {sure}, and {written} is there"
        );
    }
    // It goes on as if nothing had been.
    let written = store
        .transact(&dana(), &[lock("after all")], None, at(0))
        .await;
    assert_eq!(written.unwrap().records[0].seq, verified.records + 1);
}
