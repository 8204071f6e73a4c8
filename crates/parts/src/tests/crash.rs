//! After a power loss at any point, a final name holds nothing, what it held before, or the complete new bytes; and
//! what was reported as done is there.

use super::write_part;
use crate::digest::hex;
use crate::fault::{CrashState, Faulty, Log};
use crate::{
    DirectoryPart, DirectoryRequest, Disk, FileSystem, Replaced, Stager, StoredPart, commit, digest, publish_directory,
    write_durable, write_durable_once,
};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

fn digest_in(state: &CrashState, path: &Path) -> Option<String> {
    state.files.get(path).map(|bytes| hex(&Sha256::digest(bytes)))
}

/// Whether `law` holds in every state after every point of the log from `first` on.
fn holds(log: &Log, first: usize, law: impl Fn(&CrashState) -> bool) -> bool {
    let mut held = true;
    for point in first..=log.len() {
        log.crash_states(point, |state| held &= law(state));
    }
    held
}

/// Checks one durable file that replaced `before`, and that the check would notice a missing sync of either sort.
fn check(log: &Log, path: &Path, before: Option<&str>, after: &str) {
    let whole = |state: &CrashState| match digest_in(state, path) {
        Some(found) => found == after || Some(found.as_str()) == before,
        None => before.is_none(),
    };
    let there = |state: &CrashState| digest_in(state, path).as_deref() == Some(after);
    assert!(holds(log, 0, whole), "{} was half written at some point", path.display());
    assert!(holds(log, log.len(), there), "{} was reported but could be lost", path.display());
    assert!(!holds(&log.clone().without_sync_data(), 0, whole), "the check does not notice a missing fdatasync");
    let forgetful = log.clone().without_sync_directory();
    assert!(!holds(&forgetful, forgetful.len(), there), "the check does not notice a missing fsync of the directory");
}

/// A directory that the double takes for durable, and the double over it.
fn home() -> (tempfile::TempDir, PathBuf, Faulty) {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("home");
    std::fs::create_dir(&root).unwrap();
    let fs = Faulty::new(&root).unwrap();
    (home, root, fs)
}

#[test]
fn a_part_is_whole_or_absent_and_stays() {
    let (_home, root, fs) = home();
    let parts = root.join("job/parts");
    let receipt = write_part(&fs.shared(), &parts, "0.parquet", 0, 2_500).unwrap();
    check(&fs.log(), &parts.join("0.parquet"), None, &receipt.sha256);
}

#[test]
fn a_part_written_again_replaces_its_twin() {
    let (_home, root, fs) = home();
    let path = root.join("0.parquet");
    let first = write_part(&fs.shared(), &root, "0.parquet", 0, 100).unwrap();
    let fs = Faulty::new(&root).unwrap();
    let second = write_part(&fs.shared(), &root, "0.parquet", 0, 100).unwrap();
    assert_eq!(first, second);
    assert!(holds(&fs.log(), 0, |state| digest_in(state, &path).as_deref() == Some(first.sha256.as_str())));
}

#[test]
fn a_small_file_is_the_old_or_the_new() {
    let (_home, root, fs) = home();
    let path = root.join("status.json");
    write_durable(&fs.shared(), &path, b"{\"rows\":1}").unwrap();
    check(&fs.log(), &path, None, &digest(&path).unwrap());

    let before = digest(&path).unwrap();
    let fs = Faulty::new(&root).unwrap();
    write_durable(&fs.shared(), &path, b"{\"rows\":20000}").unwrap();
    check(&fs.log(), &path, Some(&before), &digest(&path).unwrap());
}

#[test]
fn the_first_writer_of_a_marker_wins_and_it_stays() {
    let (_home, root, fs) = home();
    let path = root.join("3.done");
    assert!(write_durable_once(&fs.shared(), &path, b"first").unwrap());
    check(&fs.log(), &path, None, &digest(&path).unwrap());
    assert!(!write_durable_once(&fs.shared(), &path, b"second").unwrap());
    assert_eq!(std::fs::read(&path).unwrap(), b"first");
    assert_eq!(std::fs::read_dir(&root).unwrap().count(), 1, "no temporary is left");
}

#[test]
fn a_published_file_is_the_old_output_or_the_new() {
    let (_home, root, _) = home();
    let target = root.join("scores.parquet");
    std::fs::write(&target, "an older output").unwrap();
    let before = digest(&target).unwrap();
    let fs = Faulty::new(&root).unwrap();
    let temporary = root.join("scores.tmp");
    let mut output = Stager::new(&fs.shared(), &temporary, &[]);
    // Each part is taken when it is finished, while others are still to come.
    for (name, first) in [("0.parquet", 0), ("1.parquet", 1_500)] {
        let receipt = write_part(&fs.shared(), &root, name, first, 1_500).unwrap();
        let part = StoredPart { path: root.join(name), receipt };
        output = output.append(&part, &mut |_| Ok(())).unwrap();
    }
    let staged = output.finish().unwrap();
    assert!(holds(&fs.log(), fs.log().len(), |state| {
        digest_in(state, &temporary).is_none_or(|found| found == staged.receipt.sha256)
    }));
    commit(&fs.shared(), &temporary, &target, Disk.identity(&target).ok()).unwrap();
    check(&fs.log(), &target, Some(&before), &staged.receipt.sha256);
}

#[test]
fn a_directory_that_says_success_is_whole() {
    let (_home, root, fs) = home();
    let parts = root.join("job/parts");
    let receipt = write_part(&fs.shared(), &parts, "0.parquet", 0, 300).unwrap();
    let part = DirectoryPart { source: parts.join("0.parquet"), name: "part-0.parquet".into(), receipt };
    let output = root.join("output");
    let whole = |state: &CrashState| {
        let success = state.files.contains_key(&output.join("_SUCCESS"));
        let manifest = state.files.get(&output.join("manifest.json"));
        let digest = digest_in(state, &output.join("part-0.parquet"));
        !success || (manifest.is_some_and(|bytes| bytes == b"{}") && digest.as_ref() == Some(&part.receipt.sha256))
    };
    for again in [false, true] {
        let fs = Faulty::new(&root).unwrap();
        let approve = |name: &str| Replaced { name: name.into(), id: Disk.identity(&output.join(name)).unwrap() };
        let all = if again { vec!["_SUCCESS", "manifest.json", "part-0.parquet"] } else { vec![] };
        let all: Vec<_> = all.into_iter().map(approve).collect();
        let request = DirectoryRequest {
            directory: &output,
            parts: std::slice::from_ref(&part),
            manifest: b"{}",
            intent: b"{}",
            replaces: &all,
        };
        publish_directory(&fs.shared(), &request, &mut |_| Ok(())).unwrap();
        let log = fs.log();
        assert!(holds(&log, 0, whole), "published again: {again}");
        assert!(holds(&log, log.len(), |state| state.files.contains_key(&output.join("_SUCCESS"))));
        if !again {
            assert!(!holds(&log.without_sync_directory(), 0, whole), "the check notices a missing fsync");
        }
    }
}
