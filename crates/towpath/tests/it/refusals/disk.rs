//! Disks that are full or read-only, and a journal that holds something else than was written.

use std::{fs, path::PathBuf, process::Command};

use nix::unistd::Uid;

use crate::{
    project::{Project, eventually},
    walk,
};

/// A small file system of its own at a project's data directory, until it is dropped.
struct Disk(PathBuf);

impl Disk {
    /// `None` where nobody may mount, which is said.
    fn of(project: &Project, size: &str, test: &str) -> Option<Disk> {
        let path = project.data();
        fs::create_dir_all(&path).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", size, "tmpfs"]).arg(&path);
        let is_mounted = Uid::effective().is_root()
            && mount.output().is_ok_and(|output| output.status.success());
        if !is_mounted {
            println!("skipped {test}: only root may mount a small file system");
        }
        is_mounted.then_some(Disk(path))
    }

    fn remount(&self, option: &str) {
        let option = format!("remount,{option}");
        let mut mount = Command::new("mount");
        let status = mount.args(["-o", &option]).arg(&self.0).status();
        assert!(status.unwrap().success());
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        let _ = fs::write(self.filler(), vec![7; 64 << 20]);
    }

    fn make_room(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn a_disk_that_is_full_from_the_start() {
    let project = Project::new();
    let test = "a_disk_that_is_full_from_the_start";
    let Some(_disk) = Disk::of(&project, "size=200k", test) else {
        return;
    };
    let says = ["No space left on device", "make room on that disk"];
    project.towpath("deploy stg", 7).says(&says);
    assert!(project.processes().is_empty());
}

#[test]
fn a_disk_that_was_filled_since() {
    let project = Project::new();
    let Some(disk) = Disk::of(&project, "size=8m", "a_disk_that_was_filled_since") else {
        return;
    };
    project.towpath("release", 0);
    disk.fill();
    let says = ["store::disk-full", "make room on that disk"];
    project.towpath("deploy stg", 7).says(&says);
    disk.make_room();
    assert_eq!(project.history().len(), 0);
    project.towpath("deploy stg", 4);
    project.towpath("journal verify", 0);
    project.towpath("journal replay", 0);
}

#[test]
fn a_disk_that_fills_up_on_the_way() {
    let project = Project::new();
    let Some(disk) = Disk::of(&project, "size=8m", "a_disk_that_fills_up_on_the_way") else {
        return;
    };
    fs::write(project.path("gate"), "").unwrap();
    let running = project.ask("deploy stg").start();
    eventually("the build", || {
        (project.effects().of("build 1").len() == 1).then_some(())
    });
    disk.fill();
    fs::remove_file(project.path("gate")).unwrap();
    let ran = running.ended();
    assert_eq!(ran.status.code(), Some(7), "{}", ran.told());
    ran.says(&["store::disk-full", "nothing was lost"]);
    disk.make_room();
    project.towpath("retry d1", 1);
    // The build had no room either, and a person's retry is another one.
    project.towpath("retry d1", 4);
    project.towpath("journal verify", 0);
    project.towpath("journal replay", 0);
}

#[test]
fn a_disk_that_is_read_only() {
    let project = Project::new();
    let Some(disk) = Disk::of(&project, "size=16m", "a_disk_that_is_read_only") else {
        return;
    };
    project.towpath("release", 0);
    let refused = || {
        disk.remount("ro");
        for line in ["deploy stg v1", "status", "journal verify"] {
            let says = ["store::read-only", "make the data directory writable"];
            project.towpath(line, 7).says(&says);
        }
        disk.remount("rw");
    };
    // With what SQLite keeps beside a journal in use, and without.
    refused();
    project.damage("UPDATE journal SET actor = actor WHERE seq = 1");
    assert!(!project.data().join("journal.db-wal").exists());
    refused();
    project.towpath("deploy stg v1", 4);
}

#[test]
fn a_record_that_was_changed_afterwards() {
    let project = walk::first_release_is_live();
    project.damage("UPDATE journal SET actor = 'mallory@acme.test' WHERE seq = 10");
    for line in ["journal verify", "journal replay"] {
        let says = [
            "store::broken",
            "record 10 of stream deployment/1",
            "restore the data directory from a backup",
        ];
        project.towpath(line, 7).says(&says);
    }
}

#[test]
fn a_record_that_cannot_be_read_any_more() {
    let project = walk::first_release_is_live();
    project.damage("UPDATE journal SET body = substr(body, 2) WHERE seq = 10");
    for line in ["journal verify", "journal replay"] {
        project
            .towpath(line, 7)
            .says(&["store::bad-row", "record 10"]);
    }
}

#[test]
fn a_record_that_is_missing() {
    let project = walk::first_release_is_live();
    project.damage("DELETE FROM journal WHERE seq = 12");
    for line in ["journal verify", "journal replay"] {
        let says = ["store::broken", "record 12 was expected here"];
        project.towpath(line, 7).says(&says);
    }
}

#[test]
fn read_models_that_were_changed_afterwards_are_made_right() {
    let project = walk::first_release_is_live();
    project.damage("DELETE FROM releases");
    project.damage("UPDATE environments SET body = replace(body, 'v1', 'v9')");
    project.damage("UPDATE deployments SET has_ended = 0");
    project.towpath("journal verify", 0);
    let ran = project.towpath("journal replay", 1);
    for row in [
        "environment production",
        "environment staging",
        "release v1",
    ] {
        assert!(ran.stdout.contains(row), "{}", ran.told());
    }
    project.towpath("journal replay", 0);
    let live = project.environment("production").live.unwrap();
    assert_eq!(live.release.0, 1);
}

#[test]
fn a_journal_that_is_no_database() {
    let project = Project::new();
    project.towpath("status", 0);
    for name in ["journal.db-wal", "journal.db-shm"] {
        let _ = fs::remove_file(project.data().join(name));
    }
    let journal = project.data().join("journal.db");
    fs::write(&journal, "a shopping list\n".repeat(1000)).unwrap();
    let says = ["store::open", "journal.db", "file is not a database"];
    project.towpath("deploy stg", 7).says(&says);
}
