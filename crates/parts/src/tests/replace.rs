//! A commit: what lies at a name, and what becomes of it.

use super::directory::names;
use super::two::Watched;
use crate::{Disk, FileId, FileSystem, write_committed};
use batch_core_error::Code;
use std::sync::Arc;

#[test]
fn a_commit_replaces_what_was_approved_and_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let target = home.path().join("out");
    let fs = Disk::shared();
    let write = |replaces: Option<FileId>| write_committed(&fs, &home.path().join("tmp"), &target, b"new", replaces);

    write(None).unwrap();
    let ours = Disk.identity(&target).unwrap();
    assert_eq!(write(None).unwrap_err().code, Code::OutputExists);
    write(Some(ours)).unwrap();
    assert_ne!(Disk.identity(&target).unwrap(), ours);
    assert_eq!(std::fs::read(&target).unwrap(), b"new");
    let ours = Disk.identity(&target).unwrap();
    std::fs::write(&target, "written in place").unwrap();
    assert_eq!(write(Some(ours)).unwrap_err().code, Code::OutputExists);
    assert_eq!(std::fs::read(&target).unwrap(), b"written in place");

    let kept = home.path().join("kept");
    std::fs::rename(&target, &kept).unwrap();
    write(Some(ours)).unwrap(); // what was approved is gone: the name is free
    std::fs::write(home.path().join("stranger"), "stranger").unwrap();
    std::fs::rename(home.path().join("stranger"), &target).unwrap();
    assert_eq!(write(Some(ours)).unwrap_err().code, Code::OutputExists);
    assert_eq!(std::fs::read(&target).unwrap(), b"stranger");
    assert_eq!(names(home.path()), ["kept", "out"], "no temporary is left");
}

/// A stranger that arrives between the look and the swap gets its name back.
#[test]
fn a_stranger_that_arrives_in_the_last_moment_stays() {
    let home = tempfile::tempdir().unwrap();
    let target = home.path().join("out");
    std::fs::write(&target, "old").unwrap();
    let approved = Disk.identity(&target).unwrap();
    let (racing, taken) = (home.path().join("racing"), target.clone());
    let mut swaps = 0;
    let fs: Arc<dyn FileSystem> = Arc::new(Watched::new(move |_, operation| {
        swaps += usize::from(operation == "exchange");
        if operation == "exchange" && swaps == 1 {
            std::fs::write(&racing, "stranger").unwrap();
            std::fs::rename(&racing, &taken).unwrap();
        }
    }));
    assert_eq!(
        write_committed(&fs, &home.path().join("tmp"), &target, b"new", Some(approved)).unwrap_err().code,
        Code::OutputExists
    );
    assert_eq!(std::fs::read(&target).unwrap(), b"stranger");
    assert_eq!(names(home.path()), ["out"]);
}
