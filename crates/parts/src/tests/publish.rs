//! Publishing joins parts without changing a row of them.

use super::two::Watched;
use super::{batch, schema, stored, write_part};
use crate::fault::{Failure, Fault, Faulty, Kind};
use crate::{
    DirectoryPart, DirectoryRequest, Disk, FileId, FileSystem, PartOptions, PartReceipt, PartWriter, Replaced, Staged,
    StoredPart, commit, digest, publish_directory, read_metadata, row_group_checksums, stage_file, write_committed,
};
use arrow_array::{Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use arrow_select::concat::concat_batches;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection, RowSelector};
use parquet::file::metadata::PageIndexPolicy;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn stage(home: &Path, parts: &[StoredPart], metadata: &[(&str, &str)]) -> crate::Result<Staged> {
    let metadata: Vec<_> = metadata.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    stage_file(&Disk::shared(), parts, &home.join("out.tmp"), &metadata, &mut |_| Ok(()))
}

/// Publishes `parts` of `home` as `out`, replacing what lies there.
fn publish(home: &Path, parts: &[PathBuf], metadata: &[(&str, &str)]) -> crate::Result<PartReceipt> {
    let staged = stage(home, &stored(parts), metadata)?;
    assert_eq!(row_group_checksums(&home.join("out.tmp")).unwrap(), staged.row_groups);
    let replaces = Disk.identity(&home.join("out")).ok();
    commit(&Disk::shared(), &home.join("out.tmp"), &home.join("out"), replaces)?;
    Ok(staged.receipt)
}

fn read(path: &Path) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    concat_batches(&schema(), &batches).unwrap()
}

pub(super) fn names(directory: &Path) -> Vec<String> {
    let names = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[test]
fn rows_types_and_indexes_survive_and_metadata_is_replaced() {
    let home = tempfile::tempdir().unwrap();
    let mut parts = Vec::new();
    for (name, first, count) in [("0", 0, 2_500), ("1", 2_500, 0), ("2", 2_500, 10), ("3", 2_510, 1_990)] {
        write_part(&Disk::shared(), home.path(), name, first, count).unwrap();
        parts.push(home.path().join(name));
    }
    let receipt = publish(home.path(), &parts, &[("job", "j1"), ("fingerprint", "f1")]).unwrap();
    let out = home.path().join("out");
    assert_eq!((receipt.rows, receipt.sha256.clone()), (4_500, digest(&out).unwrap()));
    let metadata = read_metadata(&out).unwrap();
    assert_eq!((metadata.rows, metadata.bytes, metadata.row_groups), (4_500, receipt.bytes, 6));
    let pairs = [("fingerprint".to_string(), "f1".to_string()), ("job".to_string(), "j1".to_string())];
    assert_eq!(metadata.metadata, pairs.into());
    let found = read(&out);
    assert_eq!(found, batch(0, 4_500));
    assert_eq!(publish(home.path(), &parts, &[("job", "j1"), ("fingerprint", "f1")]).unwrap(), receipt, "again");

    // Through the page index: only the pages that hold the selected rows are read.
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
    let options = options.with_offset_index_policy(PageIndexPolicy::Required);
    let options = options.with_column_index_policy(PageIndexPolicy::Skip);
    let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(File::open(&out).unwrap(), options).unwrap();
    let selection = RowSelection::from(vec![RowSelector::skip(2_600), RowSelector::select(100)]);
    let batches: Vec<_> = reader.with_row_selection(selection).build().unwrap().map(Result::unwrap).collect();
    assert_eq!(concat_batches(&schema(), &batches).unwrap(), batch(2_600, 100));
}

#[test]
fn only_empty_parts_make_an_empty_file() {
    let home = tempfile::tempdir().unwrap();
    write_part(&Disk::shared(), home.path(), "0", 0, 0).unwrap();
    let receipt = publish(home.path(), &[home.path().join("0"), home.path().join("0")], &[]).unwrap();
    assert_eq!(receipt.rows, 0);
    assert_eq!(read_metadata(&home.path().join("out")).unwrap().row_groups, 0);
}

#[test]
fn what_cannot_be_joined_is_refused_and_leaves_the_old_output() {
    let home = tempfile::tempdir().unwrap();
    write_part(&Disk::shared(), home.path(), "0", 0, 10).unwrap();
    let other = Arc::new(Schema::new(vec![Field::new("row", DataType::Int64, false)]));
    let options = PartOptions::default();
    let mut part = PartWriter::create(&Disk::shared(), home.path(), "1", other.clone(), &options, "1").unwrap();
    let rows = Arc::new(Int64Array::from(vec![1]));
    part.write(&RecordBatch::try_new(other, vec![rows]).unwrap()).unwrap();
    part.finish().unwrap();
    let out = home.path().join("out");
    std::fs::write(&out, "old").unwrap();

    let parts = ["0", "1", "absent"].map(|name| home.path().join(name));
    let error = publish(home.path(), &parts[..2], &[]).unwrap_err();
    assert_eq!((error.code(), &error.path), ("DATA", &parts[1]), "{error}");
    assert!(error.message.contains("schema"), "{error}");
    let error = publish(home.path(), &[parts[0].clone(), parts[2].clone()], &[]).unwrap_err();
    assert_eq!((error.code(), &error.path), ("PATH_LOST", &parts[2]), "{error}");
    assert_eq!(publish(home.path(), &[], &[]).unwrap_err().code(), "BUG");
    assert_eq!(std::fs::read(&out).unwrap(), b"old");
    assert_eq!(names(home.path()), [".tmp", "0", "1", "out"]);
}

/// 1,000 parts, 32 descriptors: were they all open at once, this would fail. The limit is the child's own.
#[test]
#[cfg(unix)]
fn a_thousand_parts_need_few_descriptors() {
    const CHILD: &str = "BATCH_CORE_PARTS_MANY_CHILD";
    if let Some(home) = std::env::var_os(CHILD) {
        let parts: Vec<_> = (0..1_000).map(|index| Path::new(&home).join(index.to_string())).collect();
        assert_eq!(publish(Path::new(&home), &parts, &[]).unwrap().rows, 3_000);
        return;
    }
    let home = tempfile::tempdir().unwrap();
    for index in 0..1_000 {
        let options = PartOptions { durable: false, ..PartOptions::default() };
        let name = index.to_string();
        let mut part = PartWriter::create(&Disk::shared(), home.path(), &name, schema(), &options, &name).unwrap();
        part.write(&batch(3 * index, 3)).unwrap();
        part.finish().unwrap();
    }
    let command = "ulimit -n 32 && exec \"$0\" --exact tests::publish::a_thousand_parts_need_few_descriptors";
    let child = std::process::Command::new("sh")
        .args(["-c", command])
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, home.path())
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    assert_eq!(read(&home.path().join("out")), batch(0, 3_000));
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
    assert_eq!(error.code(), "OUTPUT_EXISTS", "{error}");
    assert!(error.message.contains("part-9.parquet"), "{error}");
    assert_eq!(std::fs::read(out.join("part-9.parquet")).unwrap(), b"old");
    assert_eq!(std::fs::read(out.join("_SUCCESS")).unwrap(), b"old", "nothing was touched");

    let all = ["_SUCCESS", "manifest.json", "part-0.parquet", "part-9.parquet"];
    std::fs::write(out.join("mine.txt"), "mine").unwrap();
    assert_eq!(into_directory(&fs, parts, &out, &all).unwrap_err().code(), "OUTPUT_EXISTS");
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
        assert_eq!((error.code(), &error.path), ("OUTPUT_EXISTS", &out.join(name)), "{error}");
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
    assert_eq!((error.code(), &error.path), ("OUTPUT_EXISTS", &out), "{error}");
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
                assert_eq!(error.code(), "PATH_LOST", "before call {calls}, another {another}: {error}");
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
    assert_eq!(publish(&fs, std::slice::from_ref(&part)).unwrap_err().code(), "DISK_FULL");
    assert!(!out.join("_SUCCESS").exists(), "the promise was taken back first");
    assert_eq!(std::fs::read(out.join(".batch-core-publishing.json")).unwrap(), b"ours", "and it is known whose it is");
    // What a killed publication left is all replaced, its intent too: the new one is there until the manifest is.
    let fs = Faulty::new(home.path()).unwrap();
    fs.inject([
        Fault { kind: Kind::Link, nth: 1, failure: Failure::NoSpace, lasting: true },
        Fault { kind: Kind::CreateNew, nth: 2, failure: Failure::NoSpace, lasting: true },
    ]);
    let left = [".batch-core-publishing.json", "_SUCCESS"];
    assert_eq!(into_directory(&fs, std::slice::from_ref(&part), &out, &left).unwrap_err().code(), "DISK_FULL");
    assert_eq!(std::fs::read(out.join(".batch-core-publishing.json")).unwrap(), b"ours");
    let fs = Faulty::new(home.path()).unwrap();
    let error = publish(&fs, std::slice::from_ref(&part)).unwrap_err();
    assert_eq!(error.code(), "OUTPUT_EXISTS", "somebody else publishes there: {error}");
    into_directory(&fs, std::slice::from_ref(&part), &out, &left).unwrap();
    assert_eq!(names(&out), ["_SUCCESS", "manifest.json", "part-0.parquet"]);
    std::fs::remove_dir_all(&out).unwrap();

    let named = |name: &str| DirectoryPart { name: name.into(), ..part.clone() };
    for parts in [vec![part.clone(), part.clone()], vec![named("_SUCCESS")], vec![named("../x")], vec![named("")]] {
        assert_eq!(publish(&fs, &parts).unwrap_err().code(), "BUG");
    }
    let grown = PartReceipt { bytes: 1, ..part.receipt.clone() };
    assert_eq!(publish(&fs, &[DirectoryPart { receipt: grown, ..part.clone() }]).unwrap_err().code(), "DATA");
    let changed = PartReceipt { sha256: "0".repeat(64), ..part.receipt.clone() };
    for lasting in [true, false] {
        fs.inject(lasting.then_some(Fault { kind: Kind::Link, nth: 1, failure: Failure::Denied, lasting }));
        let part = DirectoryPart { receipt: changed.clone(), ..part.clone() };
        let error = into_directory(&fs, &[part], &out, &left).unwrap_err();
        assert_eq!((error.code(), &error.path), ("DATA", &home.path().join("parts/0")));
    }
    assert!(!out.join("_SUCCESS").exists());
}

#[test]
fn a_part_that_changed_since_it_was_finished_reaches_no_output() {
    let home = tempfile::tempdir().unwrap();
    let mut parts = Vec::new();
    for name in ["0", "1"] {
        write_part(&Disk::shared(), home.path(), name, 0, 2_500).unwrap();
        parts.push(home.path().join(name));
    }
    let receipts = stored(&parts);
    let whole = std::fs::read(&parts[1]).unwrap();
    for at in (0..whole.len()).step_by(whole.len() / 40) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        std::fs::write(&parts[1], damaged).unwrap();
        let error = stage(home.path(), &receipts, &[]).unwrap_err();
        assert_eq!((error.code(), &error.path), ("DATA", &parts[1]), "byte {at}: {error}");
    }
    assert_eq!(names(home.path()), [".tmp", "0", "1"], "nothing is left");
    std::fs::write(&parts[1], whole).unwrap();
    assert_eq!(stage(home.path(), &receipts, &[]).unwrap().receipt.rows, 5_000);
}

/// What lies at a name, and what a commit makes of it.
#[test]
fn a_commit_replaces_what_was_approved_and_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let target = home.path().join("out");
    let fs = Disk::shared();
    let write = |replaces: Option<FileId>| write_committed(&fs, &home.path().join("tmp"), &target, b"new", replaces);

    write(None).unwrap();
    let ours = Disk.identity(&target).unwrap();
    assert_eq!(write(None).unwrap_err().code(), "OUTPUT_EXISTS");
    write(Some(ours)).unwrap();
    assert_ne!(Disk.identity(&target).unwrap(), ours);
    assert_eq!(std::fs::read(&target).unwrap(), b"new");
    let ours = Disk.identity(&target).unwrap();
    std::fs::write(&target, "written in place").unwrap();
    assert_eq!(write(Some(ours)).unwrap_err().code(), "OUTPUT_EXISTS");
    assert_eq!(std::fs::read(&target).unwrap(), b"written in place");

    let kept = home.path().join("kept");
    std::fs::rename(&target, &kept).unwrap();
    write(Some(ours)).unwrap(); // what was approved is gone: the name is free
    std::fs::write(home.path().join("stranger"), "stranger").unwrap();
    std::fs::rename(home.path().join("stranger"), &target).unwrap();
    assert_eq!(write(Some(ours)).unwrap_err().code(), "OUTPUT_EXISTS");
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
        write_committed(&fs, &home.path().join("tmp"), &target, b"new", Some(approved)).unwrap_err().code(),
        "OUTPUT_EXISTS"
    );
    assert_eq!(std::fs::read(&target).unwrap(), b"stranger");
    assert_eq!(names(home.path()), ["out"]);
}
