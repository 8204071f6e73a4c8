//! Publishing joins parts without changing a row of them.

use super::directory::names;
use super::{batch, schema, stored, write_part};
use crate::{
    Disk, FileSystem, PartOptions, PartReceipt, PartWriter, Staged, Stager, StoredPart, commit, digest, read_metadata,
    row_group_checksums,
};
use arrow_array::{Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use arrow_select::concat::concat_batches;
use batch_core_error::{Code, Error};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection, RowSelector};
use parquet::file::metadata::PageIndexPolicy;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn stage(home: &Path, parts: &[StoredPart], metadata: &[(&str, &str)]) -> crate::Result<Staged> {
    let metadata: Vec<_> = metadata.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    super::stage(&Disk::shared(), parts, &home.join("out.tmp"), &metadata)
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
    assert_eq!((error.code, error.place.file.as_deref()), (Code::Data, Some(&*parts[1])), "{error}");
    assert!(error.message.contains("schema"), "{error}");
    let error = publish(home.path(), &[parts[0].clone(), parts[2].clone()], &[]).unwrap_err();
    assert_eq!((error.code, error.place.file.as_deref()), (Code::PathLost, Some(&*parts[2])), "{error}");
    assert_eq!(publish(home.path(), &[], &[]).unwrap_err().code, Code::Bug);
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
        assert_eq!((error.code, error.place.file.as_deref()), (Code::Data, Some(&*parts[1])), "byte {at}: {error}");
    }
    assert_eq!(names(home.path()), [".tmp", "0", "1"], "nothing is left");
    std::fs::write(&parts[1], whole).unwrap();
    assert_eq!(stage(home.path(), &receipts, &[]).unwrap().receipt.rows, 5_000);
}

#[test]
fn a_staging_that_is_given_up_leaves_nothing() {
    let home = tempfile::tempdir().unwrap();
    for name in ["0", "1"] {
        write_part(&Disk::shared(), home.path(), name, 0, 2_500).unwrap();
    }
    let parts = stored(&["0", "1"].map(|name| home.path().join(name)));
    let temporary = home.path().join("out.tmp");
    let begun = || {
        let stager = Stager::new(&Disk::shared(), &temporary, &[]).append(&parts[0], &mut |_| Ok(())).unwrap();
        assert!(temporary.exists());
        stager
    };
    drop(begun());
    assert_eq!(names(home.path()), [".tmp", "0", "1"]);

    // Stopped at each of its looks: before, in and after the second part.
    for looks in 0.. {
        let mut left = looks;
        let mut seen = Vec::new();
        let stopped = begun().append(&parts[1], &mut |rows| {
            seen.push(rows);
            left -= 1;
            if left < 0 { Err(Error::new(Code::Cancelled, "stopped")) } else { Ok(()) }
        });
        let Err(error) = stopped else {
            assert_eq!(seen, [2_500, 2_500, 2_500, 5_000], "before each row group, and when the part is in");
            break;
        };
        assert_eq!(error.code, Code::Cancelled);
        assert_eq!(names(home.path()), [".tmp", "0", "1"], "after {looks} looks");
    }
}
