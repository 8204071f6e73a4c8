//! Lists of every shape and nullability read back as they were.

use crate::{Disk, PartOptions, PartWriter};
use arrow_array::{ArrayRef, Float64Array, ListArray, RecordBatch, StringArray, StructArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field, Schema};
use arrow_select::concat::concat_batches;
use batch_core_error::Code;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::PageIndexPolicy;
use proptest::prelude::*;
use std::sync::Arc;

/// One entry: whether it and its three fields are there, and something to put into them.
type Entry = ([bool; 4], u16);

/// Lists of `rows` (absent, or entries), where the schema allows null for the list, the entry and each field.
fn reasons(rows: &[Option<Vec<Entry>>], nullable: [bool; 5]) -> RecordBatch {
    let [list_nullable, entry_nullable, name_nullable, value_nullable, contribution_nullable] = nullable;
    let entries: Vec<Entry> = rows.iter().flatten().flatten().copied().collect();
    let there = |entry: &Entry, field: usize, nullable: bool| !nullable || entry.0[field];
    let names = entries.iter().map(|e| there(e, 1, name_nullable).then(|| format!("column {}", e.1 % 300)));
    let number = |field: usize, nullable: bool| -> ArrayRef {
        let numbers = entries.iter().map(|e| there(e, field, nullable).then(|| f64::from(e.1).sqrt() - 99.0));
        Arc::new(numbers.collect::<Float64Array>())
    };
    let fields = vec![
        Field::new("column", DataType::Utf8, name_nullable),
        Field::new("value", DataType::Float64, value_nullable),
        Field::new("contribution", DataType::Float64, contribution_nullable),
    ];
    let columns = vec![
        Arc::new(names.collect::<StringArray>()) as ArrayRef,
        number(2, value_nullable),
        number(3, contribution_nullable),
    ];
    let nulls = entry_nullable.then(|| entries.iter().map(|e| e.0[0]).collect::<NullBuffer>());
    let item = Arc::new(Field::new("item", DataType::Struct(fields.clone().into()), entry_nullable));
    let entries = StructArray::new(fields.into(), columns, nulls);
    let offsets = OffsetBuffer::from_lengths(rows.iter().map(|row| row.as_ref().map_or(0, Vec::len)));
    let nulls = list_nullable.then(|| rows.iter().map(Option::is_some).collect::<NullBuffer>());
    let list = ListArray::new(item.clone(), offsets, Arc::new(entries), nulls);
    let schema = Schema::new(vec![Field::new("reasons", DataType::List(item), list_nullable)]);
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(list)]).unwrap()
}

/// Writes, reads and compares; returns the number of pages of the first column of the first row group.
fn check(batch: &RecordBatch, row_group_rows: usize, cut: usize) -> usize {
    let home = tempfile::tempdir().unwrap();
    let options = PartOptions { row_group_rows, durable: false, ..PartOptions::default() };
    let mut part = PartWriter::create(&Disk::shared(), home.path(), "0", batch.schema(), &options, "0").unwrap();
    let cut = cut.min(batch.num_rows());
    part.write(&batch.slice(0, cut)).unwrap();
    part.write(&batch.slice(cut, batch.num_rows() - cut)).unwrap();
    part.finish().unwrap();
    let file = std::fs::File::open(home.path().join("0")).unwrap();
    let options = ArrowReaderOptions::new().with_offset_index_policy(PageIndexPolicy::Required);
    let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).unwrap();
    let index = reader.metadata().page_index().and_then(|index| index.offset_index(0, 0));
    let pages = index.map_or(0, |index| index.page_locations().len());
    let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    assert_eq!(&concat_batches(&batch.schema(), &batches).unwrap(), batch);
    pages
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn any_lists_of_any_nullability_read_back(
        rows in prop::collection::vec(
            prop::option::weighted(0.4, prop::collection::vec((prop::array::uniform4(prop::bool::weighted(0.8)), any::<u16>()), 0..5)),
            0..120,
        ),
        repeated in 1_usize..30,
        nullable in prop::array::uniform5(any::<bool>()),
        row_group_rows in 1_usize..2_000,
        cut in 0_usize..3_000,
    ) {
        let rows = vec![rows; repeated].concat();
        check(&reasons(&rows, nullable), row_group_rows, cut);
    }
}

#[test]
fn a_page_of_many_entries_ends_early() {
    // Were all rows flagged, with many reasons each, a page of 131,072 rows would be gigabytes.
    let rows: Vec<_> = (0..3_000).map(|row| Some(vec![([true; 4], row); 100])).collect();
    assert_eq!(check(&reasons(&rows, [true, false, false, true, false]), 131_072, 1_500), 3);
}

#[test]
fn a_null_that_the_schema_forbids_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let nullable = reasons(&[None, Some(vec![([true; 4], 7)])], [true, false, false, false, false]);
    let field = nullable.schema().field(0).clone().with_nullable(false);
    let schema = Arc::new(Schema::new(vec![field]));
    assert!(RecordBatch::try_new(schema.clone(), nullable.columns().to_vec()).is_err(), "Arrow itself refuses it");
    let mut part = PartWriter::create(&Disk::shared(), home.path(), "0", schema, &PartOptions::default(), "0").unwrap();
    assert_eq!(part.write(&nullable).unwrap_err().code, Code::Bug);
}
