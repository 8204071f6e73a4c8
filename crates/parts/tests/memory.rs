//! Verifying a source takes the same little memory however large file and pages are, and reading a footer what its bytes do;
//! staging holds of a row group little more than what the footer says of it.
//!
//! In a process of its own: the allocator counts for everyone in it.

use arrow_array::builder::{Float64Builder, ListBuilder, StringBuilder, StructBuilder};
use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field};
use batch_core_parts::{
    Compression, Disk, PartOptions, PartWriter, Stager, StoredPart, footer_facts, verify_row_groups,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
/// One test at a time.
static TURN: Mutex<()> = Mutex::new(());

// SAFETY: every call goes to the system's allocator as it came; counting touches no memory of the caller's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above; what is freed here was allocated by `System`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn verifying_takes_the_buffers_and_nothing_that_grows() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let home = tempfile::tempdir().unwrap();
    let values =
        |first: i32| -> ArrayRef { Arc::new(Float64Array::from_iter_values((first..first + 65_536).map(f64::from))) };
    let batch = |first| RecordBatch::try_from_iter([("kept", values(first)), ("other", values(first))]).unwrap();
    let options = PartOptions { compression: Compression::None, row_group_rows: 524_288, ..PartOptions::default() };
    let mut part = PartWriter::create(&Disk::shared(), home.path(), "0", batch(0).schema(), &options, "0.1.1").unwrap();
    for first in 0..16 {
        part.write(&batch(first << 16)).unwrap();
    }
    let bytes = part.finish().unwrap().bytes;
    assert!(bytes > 16 << 20, "{bytes}");

    let before = HELD.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let rows = [524_288; 2];
    let receipt = verify_row_groups(&home.path().join("0"), 0, &rows, || ControlFlow::Continue(())).unwrap();
    let peak = PEAK.load(Ordering::Relaxed) - before;
    assert_eq!(receipt.row_groups.len(), 2);
    assert!(peak < 320 << 10, "{peak} bytes for a file of {bytes}");
}

#[test]
fn a_footer_takes_memory_by_its_bytes_and_not_by_what_it_says() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let peak_of = |footer: &[u8]| {
        let before = HELD.load(Ordering::Relaxed);
        PEAK.store(before, Ordering::Relaxed);
        let taken = footer_facts(footer, 1 << 30, Path::new("f")).is_ok();
        (taken, PEAK.load(Ordering::Relaxed) - before)
    };
    // 2^20 columns without a name, and a row group of as many chunks that say nothing: a byte for each.
    let nothing = vec![0; 1 << 20];
    let (children, count) = ([0x80, 0x80, 0x80, 0x01], [0x80, 0x80, 0x40]);
    let root = [&[0x55][..], &children, &[0]].concat();
    let schema = [&[0x29, 0xfc, 0x81, 0x80, 0x40][..], &root, &nothing].concat();
    let group = [&[0x19, 0xfc][..], &count, &nothing, &[0]].concat();
    let footer = [&schema[..], &[0x29, 0x1c], &group, &[0]].concat();
    let (taken, peak) = peak_of(&footer);
    assert!(taken && peak < 128 * footer.len(), "{peak} bytes for a footer of {}", footer.len());
    // The same beginnings, and nothing after them.
    for length in [5, 10, 11, schema.len() + 6] {
        let (taken, peak) = peak_of(&footer[..length]);
        assert!(!taken && peak < 128 * length + 4096, "{peak} bytes for a footer of {length}");
    }
}

/// Rows of an output without kept columns, one in a hundred flagged, as scores of normal numbers are.
fn scored(first: i64, count: i64) -> RecordBatch {
    let entry = vec![
        Field::new("column", DataType::Utf8, false),
        Field::new("value", DataType::Float64, true),
        Field::new("contribution", DataType::Float64, false),
    ];
    let item = Field::new("item", DataType::Struct(entry.clone().into()), false);
    let values: [Box<dyn arrow_array::builder::ArrayBuilder>; 3] =
        [Box::new(StringBuilder::new()), Box::new(Float64Builder::new()), Box::new(Float64Builder::new())];
    let mut reasons = ListBuilder::new(StructBuilder::new(entry, values.into())).with_field(item);
    for row in first..first + count {
        let flagged = row % 100 == 0;
        if flagged {
            let entry = reasons.values();
            entry.field_builder::<StringBuilder>(0).unwrap().append_value("f0");
            entry.field_builder::<Float64Builder>(1).unwrap().append_value(4.5);
            entry.field_builder::<Float64Builder>(2).unwrap().append_value(4.5);
            entry.append(true);
        }
        reasons.append(flagged);
    }
    let rows = || first..first + count;
    let reasons = reasons.finish();
    let fields = [("row", false), ("score", true), ("anomaly", false), ("reasons", true)];
    let columns: [ArrayRef; 4] = [
        Arc::new(Int64Array::from_iter_values(rows())),
        Arc::new(rows().map(|row| Some(if row % 100 == 0 { 4.5 } else { 0.25 })).collect::<Float64Array>()),
        Arc::new(rows().map(|row| Some(row % 100 == 0)).collect::<BooleanArray>()),
        Arc::new(reasons),
    ];
    let fields = fields.iter().zip(&columns);
    let fields = fields.map(|((name, nullable), column)| Field::new(*name, column.data_type().clone(), *nullable));
    RecordBatch::try_new(Arc::new(arrow_schema::Schema::new(fields.collect::<Vec<_>>())), columns.into()).unwrap()
}

/// A part of `groups` row groups.
fn part(directory: &Path, groups: usize) -> StoredPart {
    let batch = scored(0, 131_072);
    let options = PartOptions { durable: false, ..PartOptions::default() };
    let mut part = PartWriter::create(&Disk::shared(), directory, "0", batch.schema(), &options, "0.1.1").unwrap();
    (0..groups).try_for_each(|_| part.write(&batch)).unwrap();
    StoredPart { path: directory.join("0"), receipt: part.finish().unwrap() }
}

/// As structs a row group takes 5,300 bytes, and an output of 1.5 G rows has 12,000.
#[test]
fn staging_holds_of_a_row_group_what_its_footer_takes() {
    const PARTS: usize = 600;
    const GROUPS: usize = 4;
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let home = tempfile::tempdir().unwrap();
    let stored = part(home.path(), GROUPS);
    let append = |stager: Stager, parts: usize| {
        (0..parts).try_fold(stager, |stager, _| stager.append(&stored, &mut |_| Ok(()))).unwrap()
    };
    // The first parts make the buffers.
    let stager = append(Stager::new(&Disk::shared(), &home.path().join("out.tmp"), &[]), PARTS / 10);
    let before = HELD.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let stager = append(stager, PARTS);
    let held = HELD.load(Ordering::Relaxed);
    let of_one = (held - before) / (PARTS * GROUPS);
    assert!(of_one < 1_200, "{of_one} bytes are held of a row group");
    let beside = PEAK.load(Ordering::Relaxed) - held;
    assert!(beside < 2 << 20, "{beside} bytes while a part is appended");

    PEAK.store(held, Ordering::Relaxed);
    assert_eq!(stager.finish().unwrap().row_groups.len(), GROUPS * (PARTS + PARTS / 10));
    let beside = PEAK.load(Ordering::Relaxed) - held;
    assert!(beside < 1 << 20, "{beside} bytes while the footer is written");
}
