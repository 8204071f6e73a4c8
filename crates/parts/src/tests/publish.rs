//! Publishing joins parts without changing a row of them.

use super::{batch, schema, write_part};
use crate::fault::{Failure, Fault, Faulty, Kind};
use crate::{
    DirectoryPart, Disk, PartOptions, PartReceipt, PartWriter, digest, publish_directory, publish_file, read_metadata,
};
use arrow_array::{Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use arrow_select::concat::concat_batches;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection, RowSelector};
use parquet::file::metadata::PageIndexPolicy;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Publishes `parts` of `home` as `out`.
fn publish(home: &Path, parts: &[PathBuf], metadata: &[(&str, &str)]) -> crate::Result<PartReceipt> {
    let metadata: Vec<_> = metadata.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    publish_file(&Disk::shared(), parts, &home.join("out"), &home.join("out.tmp"), &metadata)
}

fn read(path: &Path) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    concat_batches(&schema(), &batches).unwrap()
}

fn names(directory: &Path) -> Vec<String> {
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
    assert_eq!((error.code(), &error.path), ("DATA", &parts[2]), "{error}");
    assert_eq!(publish(home.path(), &[], &[]).unwrap_err().code(), "BUG");
    let error = publish_file(&Disk::shared(), &parts[..1], &out, Path::new("/elsewhere/out.tmp"), &[]).unwrap_err();
    assert_eq!(error.code(), "BUG", "{error}");
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

fn directory_part(home: &Path, name: &str, first: i64) -> DirectoryPart {
    let receipt = write_part(&Disk::shared(), &home.join("parts"), name, first, 100).unwrap();
    DirectoryPart { source: home.join("parts").join(name), name: format!("part-{name}.parquet"), receipt }
}

#[test]
fn a_directory_gets_its_parts_by_link_or_by_copy() {
    let home = tempfile::tempdir().unwrap();
    let parts = [directory_part(home.path(), "0", 0), directory_part(home.path(), "1", 100)];
    let out = home.path().join("deep/output");
    let all = ["_SUCCESS", "manifest.json", "part-0.parquet", "part-1.parquet"];
    for link in [true, false] {
        let fs = Faulty::new(home.path()).unwrap();
        let no_links = Fault { kind: Kind::Link, nth: 1, failure: Failure::Denied, lasting: true };
        fs.inject((!link).then_some(no_links));
        let unknown = publish_directory(&fs.shared(), &parts, &out, b"{\"parts\":2}").unwrap();
        assert_eq!(unknown, Vec::<PathBuf>::new());
        assert_eq!(names(&out), all, "by link: {link}");
        for part in &parts {
            assert_eq!(digest(&out.join(&part.name)).unwrap(), part.receipt.sha256);
            assert!(part.source.exists(), "the job keeps its part");
        }
    }
    assert_eq!(std::fs::read(out.join("manifest.json")).unwrap(), b"{\"parts\":2}");
}

#[test]
fn a_directory_never_says_success_of_something_else() {
    let home = tempfile::tempdir().unwrap();
    let part = directory_part(home.path(), "0", 0);
    let out = home.path().join("output");
    std::fs::create_dir(&out).unwrap();
    for name in ["_SUCCESS", "mine.txt", ".part-0.parquet.77-3.tmp"] {
        std::fs::write(out.join(name), "").unwrap();
    }
    let publish = |fs: &Faulty, parts: &[DirectoryPart]| publish_directory(&fs.shared(), parts, &out, b"{}");

    let fs = Faulty::new(home.path()).unwrap();
    fs.inject([Fault { kind: Kind::CreateNew, nth: 1, failure: Failure::NoSpace, lasting: true }]);
    assert_eq!(publish(&fs, std::slice::from_ref(&part)).unwrap_err().code(), "RESOURCE");
    assert!(!out.join("_SUCCESS").exists(), "the promise was taken back first");
    let fs = Faulty::new(home.path()).unwrap();
    let unknown = publish(&fs, std::slice::from_ref(&part)).unwrap();
    assert_eq!(unknown, [out.join("mine.txt")], "a stranger is reported and left alone");
    assert_eq!(names(&out), ["_SUCCESS", "manifest.json", "mine.txt", "part-0.parquet"]);

    let named = |name: &str| DirectoryPart { name: name.into(), ..part.clone() };
    for parts in [vec![part.clone(), part.clone()], vec![named("_SUCCESS")], vec![named("../x")], vec![named("")]] {
        assert_eq!(publish(&fs, &parts).unwrap_err().code(), "BUG");
    }
    let grown = PartReceipt { bytes: 1, ..part.receipt.clone() };
    assert_eq!(publish(&fs, &[DirectoryPart { receipt: grown, ..part.clone() }]).unwrap_err().code(), "DATA");
    fs.inject([Fault { kind: Kind::Link, nth: 1, failure: Failure::Denied, lasting: true }]);
    let changed = PartReceipt { sha256: "0".repeat(64), ..part.receipt.clone() };
    assert_eq!(publish(&fs, &[DirectoryPart { receipt: changed, ..part }]).unwrap_err().code(), "DATA");
    assert!(!out.join("_SUCCESS").exists());
}
