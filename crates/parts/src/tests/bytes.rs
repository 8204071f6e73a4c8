//! The same rows give the same bytes, and they read back as they were.

use super::{batch, schema};
use crate::{Compression, Disk, PartOptions, PartReceipt, PartWriter, read_metadata};
use arrow_array::builder::{BooleanBuilder, Float64Builder, ListBuilder, StringBuilder, StructBuilder};
use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use arrow_select::concat::concat_batches;
use batch_core_error::Code;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Encoding;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use proptest::prelude::*;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// Writes `rows` cut before each of `cuts`.
fn write(path: &Path, rows: &RecordBatch, cuts: &[usize], options: &PartOptions) -> PartReceipt {
    let (directory, name) = (path.parent().unwrap(), path.file_name().unwrap().to_str().unwrap());
    let mut part = PartWriter::create(&Disk::shared(), directory, name, rows.schema(), options, "t").unwrap();
    let mut start = 0;
    for end in cuts.iter().copied().chain([rows.num_rows()]) {
        part.write(&rows.slice(start, end - start)).unwrap();
        start = end;
    }
    part.finish().unwrap()
}

fn read(path: &Path) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let schema = reader.schema().clone();
    let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

fn small() -> PartOptions {
    PartOptions { durable: false, row_group_rows: 1_000, ..PartOptions::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn batches_leave_no_trace(
        count in 0_i64..5_000,
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..40),
    ) {
        let home = tempfile::tempdir().unwrap();
        let rows = batch(7, count);
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(rows.num_rows() + 1)).collect();
        cuts.sort_unstable();
        let whole = write(&home.path().join("whole"), &rows, &[], &small());
        let pieces = write(&home.path().join("pieces"), &rows, &cuts, &small());
        prop_assert_eq!(whole, pieces);
        let found = read(&home.path().join("pieces"));
        prop_assert_eq!(found, rows);
    }
}

#[test]
fn row_numbers_that_leave_some_out_read_back_as_they_were() {
    let home = tempfile::tempdir().unwrap();
    let gaps = (0..3_000).filter(|row| !(500..1_600).contains(row) || row % 3 == 0);
    let numbers: Vec<i64> = gaps.chain((0..5).map(|row| i64::MAX - 4 + row)).chain(0..2_000).collect();
    let rows = RecordBatch::try_from_iter([("row", Arc::new(Int64Array::from(numbers)) as ArrayRef)]).unwrap();
    let fields: Vec<_> =
        rows.schema().fields().iter().map(|field| field.as_ref().clone().with_nullable(false)).collect();
    let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), rows.columns().to_vec()).unwrap();
    let whole = write(&home.path().join("whole"), &rows, &[], &small());
    assert_eq!(read(&home.path().join("whole")), rows);
    let cuts: Vec<_> = (0..rows.num_rows()).step_by(7).collect();
    assert_eq!(whole, write(&home.path().join("pieces"), &rows, &cuts, &small()));
}

#[test]
fn pages_and_blocks_are_cut_at_fixed_rows() {
    let home = tempfile::tempdir().unwrap();
    // Two pages of our own and several blocks of the library in one row group, then a short one.
    let rows = batch(0, 150_000);
    let options = PartOptions { row_group_rows: 140_000, ..small() };
    let whole = write(&home.path().join("whole"), &rows, &[], &options);
    let cuts: Vec<_> = (0..150_000).step_by(2_048).skip(1).collect();
    assert_eq!(whole, write(&home.path().join("vectors"), &rows, &cuts, &options));
    assert_eq!(
        whole,
        write(&home.path().join("odd"), &rows, &[1, 16_383, 16_385, 131_071, 139_999, 140_001], &options)
    );
    assert_eq!(read(&home.path().join("odd")), rows);
    assert_eq!(read_metadata(&home.path().join("odd")).unwrap().row_groups, 2);
}

/// Rows whose kept columns are large: text of up to 40 kB, lists of up to 300 texts and structs, and every third null.
fn large(count: usize) -> RecordBatch {
    let length = |row: usize, most: usize| (row * 7_919 % 101) * most / 100;
    let text =
        |row: usize| (!row.is_multiple_of(3)).then(|| ["a", "bcd", "é"][row % 7 % 3].repeat(length(row, 40_000)));
    let mut lists = ListBuilder::new(StringBuilder::new());
    let mut pairs = ListBuilder::new(StructBuilder::from_fields(
        vec![Field::new("on", DataType::Boolean, true), Field::new("at", DataType::Float64, true)],
        0,
    ));
    for row in 0..count {
        for item in 0..length(row, 300) {
            lists.values().append_value(&"0123456789"[..item % 10]);
            pairs
                .values()
                .field_builder::<BooleanBuilder>(0)
                .unwrap()
                .append_option((item % 5 != 0).then_some(row.is_multiple_of(2)));
            pairs.values().field_builder::<Float64Builder>(1).unwrap().append_value((row * item) as f64);
            pairs.values().append(true);
        }
        lists.append(row % 3 != 1);
        pairs.append(row % 3 != 2);
    }
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("text", Arc::new((0..count).map(text).collect::<StringArray>())),
        ("lists", Arc::new(lists.finish())),
        ("pairs", Arc::new(pairs.finish())),
        ("on", Arc::new((0..count).map(|row| Some(row.is_multiple_of(2))).collect::<BooleanArray>())),
    ];
    let fields = columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    RecordBatch::try_new(Arc::new(schema), columns.into_iter().map(|(_, array)| array).collect()).unwrap()
}

#[test]
fn large_rows_end_blocks_early_and_batches_leave_no_trace() {
    let home = tempfile::tempdir().unwrap();
    let rows = large(1_500);
    let whole = write(&home.path().join("whole"), &rows, &[], &small());
    assert_eq!(read(&home.path().join("whole")), rows);
    let vectors: Vec<_> = (0..1_500).step_by(512).skip(1).collect();
    let odd: Vec<_> = (0..1_500).filter(|row| row * row % 17 == 3).collect();
    for cuts in [vectors, odd, vec![1, 999]] {
        assert_eq!(whole, write(&home.path().join("pieces"), &rows, &cuts, &small()), "{} cuts", cuts.len());
    }
}

#[test]
fn a_row_group_ends_where_its_kept_columns_are_large() {
    let home = tempfile::tempdir().unwrap();
    // 2 MiB a row, then next to nothing.
    let text = |row: usize| if row < 70 { format!("{}{row}", "x".repeat(2 << 20)) } else { "short".into() };
    let text: ArrayRef = Arc::new((0..5_000).map(|row| Some(text(row))).collect::<StringArray>());
    let rows = RecordBatch::try_from_iter([("text", text)]).unwrap();
    let options = PartOptions { row_group_rows: 100_000, compression: Compression::None, ..small() };
    let path = home.path().join("part");
    write(&path, &rows, &[3, 63, 64, 65, 2_048, 4_096], &options);
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let found: Vec<_> = reader.metadata().row_groups().iter().map(RowGroupMetaData::num_rows).collect();
    assert_eq!(found, [64, 4_936]);
}

#[test]
fn every_codec_reads_back() {
    let home = tempfile::tempdir().unwrap();
    let rows = batch(3, 3_000);
    let path = home.path().join("part");
    for compression in [Compression::Zstd(1), Compression::Zstd(22), Compression::Snappy, Compression::None] {
        write(&path, &rows, &[], &PartOptions { compression, ..small() });
        assert_eq!(read(&path), rows, "{compression:?}");
    }
    let bad = PartOptions { compression: Compression::Zstd(23), ..small() };
    let error = PartWriter::create(&Disk::shared(), home.path(), "bad", schema(), &bad, "t").map(drop).unwrap_err();
    assert_eq!(error.code, Code::Bug);
}

#[test]
fn hostile_values_read_back() {
    let home = tempfile::tempdir().unwrap();
    let schema = Arc::new(Schema::new(vec![
        Field::new("row", DataType::Int64, true),
        Field::new("score", DataType::Float64, true),
        Field::new("anomaly", DataType::Boolean, true),
    ]));
    let rows = [i64::MIN, i64::MAX, 0, -1, 1, i64::MIN + 1, 42, 43, 44];
    let scores =
        [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 0.0, f64::MIN_POSITIVE / 2.0, f64::MAX, -1.5, 1e-300];
    for count in [1, 8, 31, 129, 1_001] {
        let null = |row: usize, every: usize| row % every == every - 1;
        let columns: Vec<ArrayRef> = vec![
            Arc::new((0..count).map(|row| (!null(row, 7)).then(|| rows[row % 9])).collect::<Int64Array>()),
            Arc::new((0..count).map(|row| (!null(row, 3)).then(|| scores[row % 9])).collect::<Float64Array>()),
            Arc::new((0..count).map(|row| (!null(row, 4)).then_some(row % 3 == 0)).collect::<BooleanArray>()),
        ];
        let batch = RecordBatch::try_new(schema.clone(), columns).unwrap();
        let path = home.path().join("part");
        write(&path, &batch, &[], &PartOptions { row_group_rows: 400, ..small() });
        assert_eq!(read(&path), batch, "arrays are compared bit by bit");
    }
}

#[test]
fn all_null_and_empty_lists_read_back() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("part");
    for rows in [batch(1, 4), batch(0, 1), batch(0, 0), batch(5, 1), batch(10, 1)] {
        write(&path, &rows, &[], &small());
        assert_eq!(read(&path), rows);
    }
}

#[test]
fn a_batch_of_another_schema_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let mut part = PartWriter::create(&Disk::shared(), home.path(), "0", schema(), &small(), "t").unwrap();
    let other = batch(0, 1).project(&[0, 1]).unwrap();
    assert_eq!(part.write(&other).unwrap_err().code, Code::Bug);
}

#[test]
fn the_footer_says_what_was_decided() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("part");
    let options = PartOptions { metadata: vec![("job".into(), "j1".into()), ("epoch".into(), "3".into())], ..small() };
    write(&path, &batch(0, 2_500), &[], &options);
    let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
    assert_eq!(reader.metadata().file_metadata().created_by(), Some("batch-core"));
    let group = reader.metadata().row_group(1);
    assert_eq!(reader.metadata().num_row_groups(), 3);
    let column = |name: &str| group.columns().iter().find(|column| column.column_path().string() == name).unwrap();
    let check = |name: &str, encoding: Encoding, nulls: u64| {
        let found: Vec<_> = column(name).encodings().collect();
        assert!(found.contains(&encoding), "{name}: {found:?}");
        assert_eq!(column(name).statistics().unwrap().null_count_opt(), Some(nulls), "{name}");
    };
    check("row", Encoding::DELTA_BINARY_PACKED, 0);
    check("name", Encoding::RLE_DICTIONARY, 143);
    check("score", Encoding::BYTE_STREAM_SPLIT, 91);
    check("anomaly", Encoding::PLAIN, 0);
    check("reasons.list.item.column", Encoding::RLE_DICTIONARY, 850);
    check("reasons.list.item.contribution", Encoding::BYTE_STREAM_SPLIT, 850);
    let bounds = column("row").statistics().unwrap();
    assert_eq!(bounds.min_bytes_opt(), Some(&1_000_i64.to_le_bytes()[..]));
    assert_eq!(bounds.max_bytes_opt(), Some(&1_999_i64.to_le_bytes()[..]));
    assert!(column("score").offset_index_range().is_some());
    let metadata = read_metadata(&path).unwrap().metadata;
    assert_eq!(metadata, [("epoch".to_string(), "3".to_string()), ("job".to_string(), "j1".to_string())].into());
}

#[test]
fn a_writer_may_move_to_another_thread() {
    fn check<T: Send>() {}
    check::<PartWriter>();
}
