//! Output: bounded, and never in the way of the child.

use std::{fs, path::Path, process::Command};

use towpath_targets::shim::{
    Run,
    files::{Ended, OLDER_OUTPUT, OUTPUT},
};

use crate::rig::{Place, eventually, soon};

fn size(run: &Run, name: &str) -> u64 {
    fs::metadata(run.directory().join(name)).map_or(0, |file| file.len())
}

#[tokio::test]
async fn a_flood_is_bounded_and_its_end_is_kept() {
    let place = Place::new();
    let mut spec =
        place.job("head -c 50000000 /dev/zero | tr '\\0' x; echo; echo 'the end: 100 €'");
    spec.output_bytes = 1_000_000;
    place.start(&spec).await;
    assert_eq!(place.exit().await.ended, Ended::Code(0));
    assert_eq!(size(&place.run, OLDER_OUTPUT), 1_000_000);
    assert!(size(&place.run, OUTPUT) <= 1_000_000);
    let tail = place.run.tail();
    assert!(tail.ends_with("xxx\nthe end: 100 €\n"), "{tail}");
    assert_eq!(tail.len(), 4096);
}

#[tokio::test]
async fn a_tail_is_text_whatever_was_written() {
    let place = Place::new();
    let mut spec = place.job(
        "printf '\\377\\376ok'; i=0; while [ $i -lt 2000 ]; do printf '€€€'; i=$((i+1)); done",
    );
    spec.output_bytes = 10_000;
    place.start(&spec).await;
    place.exit().await;
    let tail = place.run.tail();
    assert!(tail.chars().all(|c| c == '€'), "{tail}");
    assert!(tail.len() > 4090);
}

/// A file system of one megabyte, where we may mount one.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(path: &'a Path) -> Option<SmallDisk<'a>> {
        fs::create_dir_all(path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "none"])
            .arg(path)
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then(|| SmallDisk(path))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_neither_stops_the_child_nor_loses_its_result() {
    let place = Place::new();
    let disk = place.file("disk");
    let Some(_mounted) = SmallDisk::mount(&disk) else {
        eprintln!(
            "skipped: a_full_disk_neither_stops_the_child_nor_loses_its_result needs to mount a tmpfs"
        );
        return;
    };
    let run = Run::new(disk.join("run"));
    let command = "head -c 3000000 /dev/zero | tr '\\0' x; touch wrote; \
        while [ ! -e freed ]; do sleep 0.01; done; echo after; exit 9";
    run.prepare(&place.job(command)).unwrap();
    fs::write(disk.join("filler"), vec![0; 300_000]).unwrap();
    let launcher = crate::rig::launcher();
    launcher
        .launch(&run, &crate::rig::path_only())
        .await
        .unwrap();
    eventually("the flood", || place.file("wrote").exists().then_some(())).await;
    fs::remove_file(disk.join("filler")).unwrap();
    fs::write(place.file("freed"), "").unwrap();
    soon("the end", run.ended()).await.unwrap();
    let exit = run.stop().await.unwrap();
    assert_eq!(exit.ended, Ended::Code(9));
    let output = fs::read_to_string(run.output()).unwrap();
    assert!(output.contains("bytes of output were dropped: No space left on device"));
    assert!(output.ends_with("after\n"));
}

#[tokio::test]
async fn a_result_is_written_on_a_disk_that_stays_full() {
    let place = Place::new();
    let disk = place.file("disk");
    let Some(_mounted) = SmallDisk::mount(&disk) else {
        eprintln!("skipped: a_result_is_written_on_a_disk_that_stays_full needs to mount a tmpfs");
        return;
    };
    let run = Run::new(disk.join("run"));
    run.prepare(&place.job("head -c 3000000 /dev/zero; exit 9"))
        .unwrap();
    let launcher = crate::rig::launcher();
    launcher
        .launch(&run, &crate::rig::path_only())
        .await
        .unwrap();
    soon("the end", run.ended()).await.unwrap();
    assert_eq!(run.stop().await.unwrap().ended, Ended::Code(9));
}
