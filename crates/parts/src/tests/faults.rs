//! Every step that can fail is checked, sorted by what to do, and leaves nothing behind.

use super::{batch, schema, write_part};
use crate::fault::{Call, Failure, Fault, Faulty, Kind};
use crate::{PartOptions, PartWriter, Stager, StoredPart, commit, write_durable};
use batch_core_error::{Code, Error};
use std::path::{Path, PathBuf};

const fn code(failure: Failure) -> Code {
    match failure {
        Failure::NoSpace | Failure::Torn => Code::DiskFull,
        Failure::Quota => Code::QuotaExceeded,
        Failure::Io | Failure::IoAfterEffect => Code::DiskError,
        Failure::ReadOnly => Code::ReadOnly,
        Failure::Denied => Code::OutputUnwritable,
        Failure::Short => Code::TransientIo,
    }
}

/// Runs `work` with each failure at each call of each operation it makes, and checks what it says and leaves.
fn check(work: impl Fn(&Faulty, &Path) -> Result<(), Error>, target: &str) {
    let quiet = tempfile::tempdir().unwrap();
    let fs = Faulty::new(quiet.path()).unwrap();
    work(&fs, quiet.path()).unwrap();
    let whole = std::fs::read(quiet.path().join(target)).unwrap();
    let calls = fs.calls();
    for kind in Kind::ALL {
        for nth in 1..=calls.iter().filter(|call| call.kind == kind).count() {
            for failure in Failure::ALL {
                check_one(&work, Fault { kind, nth, failure, lasting: false }, target, &whole);
            }
        }
    }
}

fn check_one(work: &impl Fn(&Faulty, &Path) -> Result<(), Error>, fault: Fault, target: &str, whole: &[u8]) {
    let Fault { kind, failure, .. } = fault;
    let home = tempfile::tempdir().unwrap();
    let fs = Faulty::new(home.path()).unwrap();
    fs.inject([fault]);
    let result = work(&fs, home.path());
    let short = kind == Kind::Write && failure == Failure::Short;
    // A temporary that was not there before publishing could not be removed anyway, and a leftover is no harm. The first
    // directory to be synced was there before: where it may not be listed (/home with mode 0711), it is none of ours.
    let not_to_be_looked_into = kind == Kind::SyncDirectory && failure == Failure::Denied && fault.nth == 1;
    let harmless = kind == Kind::RemoveFile || not_to_be_looked_into;
    if short {
        result.unwrap_or_else(|error| panic!("a short write is no error: {error}"));
    } else if let Err(error) = result {
        assert_eq!(error.code, code(failure), "{fault:?}: {error}");
        let path = error.place.file.as_deref().unwrap();
        assert!(error.message.contains(&path.display().to_string()), "{error}");
        assert!(path.starts_with(home.path().parent().unwrap()), "{error}");
    } else {
        assert!(harmless, "{fault:?} went unnoticed");
    }
    if let Ok(found) = std::fs::read(home.path().join(target)) {
        assert!(found == whole, "{fault:?} left a wrong file");
    }
    let calls = fs.calls();
    for (place, call) in calls.iter().enumerate().filter(|(_, call)| call.kind == Kind::SyncData && !call.ok) {
        let again = |later: &&Call| later.kind == Kind::SyncData && later.path == call.path;
        assert_eq!(calls[place + 1..].iter().find(again), None, "a failed fsync was tried again");
    }
    let unknown = kind == Kind::CreateNew && failure == Failure::IoAfterEffect;
    if !harmless && !unknown {
        let mut left = files(home.path());
        left.retain(|path| path.strip_prefix(home.path()).unwrap().to_string_lossy().contains("tmp"));
        assert_eq!(left, Vec::<PathBuf>::new(), "{fault:?} left a temporary");
    }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn no_failure_of_a_part_goes_unnoticed() {
    check(|fs, home| write_part(&fs.shared(), &home.join("parts"), "0", 0, 300).map(drop), "parts/0");
}

#[test]
fn no_failure_of_a_small_file_goes_unnoticed() {
    check(|fs, home| write_durable(&fs.shared(), &home.join("status"), b"{}"), "status");
}

#[test]
fn no_failure_of_a_publish_goes_unnoticed() {
    let work = |fs: &Faulty, home: &Path| {
        let (fs, temporary) = (fs.shared(), home.join("out.tmp"));
        let mut stager = Stager::new(&fs, &temporary, &[]);
        // Each part is finished when those before it are in.
        for (name, first, count) in [("0", 0, 300), ("1", 300, 0), ("2", 300, 300)] {
            let quiet = Faulty::new(home).unwrap().shared();
            let receipt = write_part(&quiet, &home.join("parts"), name, first, count)?;
            stager = stager.append(&StoredPart { path: home.join("parts").join(name), receipt }, &mut |_| Ok(()))?;
        }
        stager.finish()?;
        commit(&fs, &temporary, &home.join("out"), None).inspect_err(|_| {
            let _ = std::fs::remove_file(&temporary);
        })
    };
    check(work, "out");
}

#[test]
fn a_full_disk_stays_a_resource_error_at_every_byte() {
    let home = tempfile::tempdir().unwrap();
    let fs = Faulty::new(home.path()).unwrap();
    fs.inject([Fault { kind: Kind::Write, nth: 1, failure: Failure::NoSpace, lasting: true }]);
    let options = PartOptions { compression: crate::Compression::None, ..PartOptions::default() };
    let mut part = PartWriter::create(&fs.shared(), home.path(), "0", schema(), &options, "0.1.1").unwrap();
    // Row groups of several buffers: the failure comes through the Parquet library, in the middle.
    let error = (0..40).find_map(|block| part.write(&batch(block * 4_096, 4_096)).err()).expect("the disk is full");
    assert_eq!(error.code, Code::DiskFull, "{error}");
    drop(part);
    assert_eq!(files(home.path()), Vec::<PathBuf>::new(), "a writer that failed removes its file");
}

#[test]
fn an_attempt_is_made_once() {
    let home = tempfile::tempdir().unwrap();
    let fs = Faulty::new(home.path()).unwrap().shared();
    let options = PartOptions::default();
    let create = |name: &str, tag: &str| PartWriter::create(&fs, home.path(), name, schema(), &options, tag);
    let part = create("0", "0.1.1").unwrap();
    assert_eq!(create("0", "0.1.1").map(drop).unwrap_err().code, Code::Bug);
    assert!(home.path().join(".tmp/0.1.1").exists(), "the loser leaves the winner's file alone");
    drop(part);
    for bad in ["", ".", "..", "a/b", "/a", "a\\b"] {
        assert_eq!(create(bad, "t").map(drop).unwrap_err().code, Code::Bug, "{bad}");
        assert_eq!(create("0", bad).map(drop).unwrap_err().code, Code::Bug, "{bad}");
    }
}

#[test]
fn a_directory_below_one_that_cannot_be_listed_is_made_all_the_same() {
    let home = tempfile::tempdir().unwrap();
    let fs = Faulty::new(home.path()).unwrap();
    let denied = |nth| Fault { kind: Kind::SyncDirectory, nth, failure: Failure::Denied, lasting: false };
    // Calls are counted from here: the first is of a directory that was there before.
    fs.inject([denied(1)]);
    crate::create_directories(&fs.shared(), &home.path().join("a/b")).unwrap();
    assert!(home.path().join("a/b").is_dir());

    let fs = Faulty::new(home.path()).unwrap();
    fs.inject([denied(2)]);
    let error = crate::create_directories(&fs.shared(), &home.path().join("c/d")).unwrap_err();
    assert_eq!(error.code, Code::OutputUnwritable, "what we made must be durable: {error}");
}
