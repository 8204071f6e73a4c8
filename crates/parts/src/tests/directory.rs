//! Publishing a directory: parts by link or copy, what is replaced, and what is not ours.

use super::two::Watched;
use super::write_part;
use crate::fault::{Failure, Fault, Faulty, Kind};
use crate::{DirectoryPart, DirectoryRequest, Disk, FileSystem, PartReceipt, Replaced, digest, publish_directory};
use batch_core_error::Code;
use std::path::Path;
use std::sync::Arc;

pub(super) fn names(directory: &Path) -> Vec<String> {
    let names = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

pub(super) fn directory_part(home: &Path, name: &str, first: i64) -> DirectoryPart {
    let receipt = write_part(&Disk::shared(), &home.join("parts"), name, first, 100).unwrap();
    DirectoryPart { source: home.join("parts").join(name), name: format!("part-{name}.parquet"), receipt }
}

fn into_directory(fs: &Faulty, parts: &[DirectoryPart], directory: &Path, replaces: &[&str]) -> crate::Result<()> {
    let approve = |name: &&str| Some(Replaced { name: (*name).into(), id: Disk.identity(&directory.join(name)).ok()? });
    let replaces: Vec<_> = replaces.iter().filter_map(approve).collect();
    let request =
        DirectoryRequest { directory, parts, manifest: b"{\"parts\":2}", intent: b"ours", replaces: &replaces };
    publish_directory(&fs.shared(), &request, &mut |_| Ok(()))
}

#[test]
fn a_directory_gets_its_parts_by_link_or_by_copy() {
    let home = tempfile::tempdir().unwrap();
    let parts = [directory_part(home.path(), "0", 0), directory_part(home.path(), "1", 100)];
    let all = ["_SUCCESS", "manifest.json", "part-0.parquet", "part-1.parquet"];
    for link in [true, false] {
        let out = home.path().join(format!("deep/output-{link}"));
        for replaces in [&[][..], &all] {
            let fs = Faulty::new(home.path()).unwrap();
            let no_links = Fault { kind: Kind::Link, nth: 1, failure: Failure::Denied, lasting: true };
            fs.inject((!link).then_some(no_links));
            into_directory(&fs, &parts, &out, replaces).unwrap();
            assert_eq!(names(&out), all, "by link: {link}");
            for part in &parts {
                assert_eq!(digest(&out.join(&part.name)).unwrap(), part.receipt.sha256);
                assert!(part.source.exists(), "the job keeps its part");
            }
        }
        assert_eq!(std::fs::read(out.join("manifest.json")).unwrap(), b"{\"parts\":2}");
    }
}

#[test]
fn a_directory_loses_what_is_replaced_and_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let part = directory_part(home.path(), "0", 0);
    let out = home.path().join("output");
    std::fs::create_dir(&out).unwrap();
    for name in ["_SUCCESS", "manifest.json", "part-0.parquet", "part-9.parquet", ".manifest.json.77-3.tmp"] {
        std::fs::write(out.join(name), "old").unwrap();
    }
    let fs = Faulty::new(home.path()).unwrap();
    let parts = std::slice::from_ref(&part);
    let error = into_directory(&fs, parts, &out, &["manifest.json", "part-0.parquet"]).unwrap_err();
    assert_eq!(error.code, Code::OutputExists, "{error}");
    assert!(error.message.contains("part-9.parquet"), "{error}");
    assert_eq!(std::fs::read(out.join("part-9.parquet")).unwrap(), b"old");
    assert_eq!(std::fs::read(out.join("_SUCCESS")).unwrap(), b"old", "nothing was touched");

    let all = ["_SUCCESS", "manifest.json", "part-0.parquet", "part-9.parquet"];
    std::fs::write(out.join("mine.txt"), "mine").unwrap();
    assert_eq!(into_directory(&fs, parts, &out, &all).unwrap_err().code, Code::OutputExists);
    std::fs::remove_file(out.join("mine.txt")).unwrap();
    into_directory(&fs, parts, &out, &all).unwrap();
    assert_eq!(names(&out), ["_SUCCESS", "manifest.json", "part-0.parquet"]);
    assert_eq!(digest(&out.join("part-0.parquet")).unwrap(), part.receipt.sha256);
}

/// What lies at a name when it is replaced must be what was looked at: the name alone says nothing.
#[test]
fn a_file_that_came_to_lie_at_a_name_that_may_go_stays() {
    for (name, in_place) in
        [("_SUCCESS", true), ("manifest.json", false), ("part-0.parquet", true), ("part-9.parquet", false)]
    {
        let home = tempfile::tempdir().unwrap();
        let part = directory_part(home.path(), "0", 0);
        let out = home.path().join("output");
        std::fs::create_dir(&out).unwrap();
        let old = |name: &str| {
            std::fs::write(out.join(name), "old").unwrap();
            Replaced { name: name.into(), id: Disk.identity(&out.join(name)).unwrap() }
        };
        let replaces = ["_SUCCESS", "manifest.json", "part-0.parquet", "part-9.parquet"].map(old);
        if !in_place {
            std::fs::remove_file(out.join(name)).unwrap();
        }
        std::fs::write(out.join(name), "a stranger's").unwrap();
        let parts = std::slice::from_ref(&part);
        let request = DirectoryRequest { directory: &out, parts, manifest: b"{}", intent: b"{}", replaces: &replaces };
        let error = publish_directory(&Disk::shared(), &request, &mut |_| Ok(())).unwrap_err();
        assert_eq!((error.code, error.place.file.as_deref()), (Code::OutputExists, Some(&*out.join(name))), "{error}");
        assert_eq!(std::fs::read(out.join(name)).unwrap(), b"a stranger's");
        for untouched in replaces.iter().map(|replaced| replaced.name.as_str()).filter(|other| *other != name) {
            assert_eq!(std::fs::read(out.join(untouched)).unwrap(), b"old");
        }
        assert_eq!(names(&out).len(), replaces.len(), "nor is said whose the directory is");
    }
}

/// Another run that was allowed to may take a directory over half-way: nothing is added to what it publishes.
#[test]
fn a_directory_that_was_taken_over_gets_no_more_parts() {
    let home = tempfile::tempdir().unwrap();
    let parts = ["0", "1", "2"].map(|name| directory_part(home.path(), name, 0));
    let out = home.path().join("output");
    let request = DirectoryRequest { directory: &out, parts: &parts, manifest: b"{}", intent: b"{}", replaces: &[] };
    let mut taken_over = |rows: u64| {
        if rows == 100 {
            for entry in std::fs::read_dir(&out).unwrap() {
                std::fs::remove_file(entry.unwrap().path()).unwrap();
            }
            std::fs::write(out.join("manifest.json"), "another's").unwrap();
        }
        Ok(())
    };
    let error = publish_directory(&Disk::shared(), &request, &mut taken_over).unwrap_err();
    assert_eq!((error.code, error.place.file.as_deref()), (Code::OutputExists, Some(&*out)), "{error}");
    assert_eq!(names(&out), ["manifest.json"]);
}

/// Whatever is done to it, a directory that somebody moved is not said to be another run's.
#[test]
fn a_directory_that_was_moved_is_missed() {
    for another in [false, true] {
        for calls in 0..200 {
            let home = tempfile::tempdir().unwrap();
            let parts = ["0", "1"].map(|name| directory_part(home.path(), name, 0));
            let (out, away) = (home.path().join("output"), home.path().join("away"));
            let request =
                DirectoryRequest { directory: &out, parts: &parts, manifest: b"{}", intent: b"{}", replaces: &[] };
            std::fs::create_dir(&out).unwrap();
            let place = out.clone();
            let moved = Arc::new(std::sync::atomic::AtomicBool::new(false));
            let tell = Arc::clone(&moved);
            let fs: Arc<dyn FileSystem> = Arc::new(Watched::new(move |call, _| {
                if call == calls && place.join(".batch-core-publishing.json").exists() {
                    tell.store(true, std::sync::atomic::Ordering::Relaxed);
                    std::fs::rename(&place, &away).unwrap();
                    if another {
                        std::fs::create_dir(&place).unwrap();
                    }
                }
            }));
            let result = publish_directory(&fs, &request, &mut |_| Ok(()));
            if moved.load(std::sync::atomic::Ordering::Relaxed) {
                let error = result.unwrap_err();
                assert_eq!(error.code, Code::PathLost, "before call {calls}, another {another}: {error}");
            } else {
                result.unwrap();
            }
        }
    }
}

#[test]
fn a_directory_never_says_success_of_something_else() {
    let home = tempfile::tempdir().unwrap();
    let part = directory_part(home.path(), "0", 0);
    let out = home.path().join("output");
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join("_SUCCESS"), "").unwrap();
    let publish = |fs: &Faulty, parts: &[DirectoryPart]| into_directory(fs, parts, &out, &["_SUCCESS"]);

    let fs = Faulty::new(home.path()).unwrap();
    fs.inject([Fault { kind: Kind::CreateNew, nth: 2, failure: Failure::NoSpace, lasting: true }]);
    assert_eq!(publish(&fs, std::slice::from_ref(&part)).unwrap_err().code, Code::DiskFull);
    assert!(!out.join("_SUCCESS").exists(), "the promise was taken back first");
    assert_eq!(std::fs::read(out.join(".batch-core-publishing.json")).unwrap(), b"ours", "and it is known whose it is");
    // What a killed publication left is all replaced, its intent too: the new one is there until the manifest is.
    let fs = Faulty::new(home.path()).unwrap();
    fs.inject([
        Fault { kind: Kind::Link, nth: 1, failure: Failure::NoSpace, lasting: true },
        Fault { kind: Kind::CreateNew, nth: 2, failure: Failure::NoSpace, lasting: true },
    ]);
    let left = [".batch-core-publishing.json", "_SUCCESS"];
    assert_eq!(into_directory(&fs, std::slice::from_ref(&part), &out, &left).unwrap_err().code, Code::DiskFull);
    assert_eq!(std::fs::read(out.join(".batch-core-publishing.json")).unwrap(), b"ours");
    let fs = Faulty::new(home.path()).unwrap();
    let error = publish(&fs, std::slice::from_ref(&part)).unwrap_err();
    assert_eq!(error.code, Code::OutputExists, "somebody else publishes there: {error}");
    into_directory(&fs, std::slice::from_ref(&part), &out, &left).unwrap();
    assert_eq!(names(&out), ["_SUCCESS", "manifest.json", "part-0.parquet"]);
    std::fs::remove_dir_all(&out).unwrap();

    let named = |name: &str| DirectoryPart { name: name.into(), ..part.clone() };
    for parts in [vec![part.clone(), part.clone()], vec![named("_SUCCESS")], vec![named("../x")], vec![named("")]] {
        assert_eq!(publish(&fs, &parts).unwrap_err().code, Code::Bug);
    }
    let grown = PartReceipt { bytes: 1, ..part.receipt.clone() };
    assert_eq!(publish(&fs, &[DirectoryPart { receipt: grown, ..part.clone() }]).unwrap_err().code, Code::Data);
    let changed = PartReceipt { sha256: "0".repeat(64), ..part.receipt.clone() };
    for lasting in [true, false] {
        fs.inject(lasting.then_some(Fault { kind: Kind::Link, nth: 1, failure: Failure::Denied, lasting }));
        let part = DirectoryPart { receipt: changed.clone(), ..part.clone() };
        let error = into_directory(&fs, &[part], &out, &left).unwrap_err();
        assert_eq!((error.code, error.place.file.as_deref()), (Code::Data, Some(&*home.path().join("parts/0"))));
    }
    assert!(!out.join("_SUCCESS").exists());
}
