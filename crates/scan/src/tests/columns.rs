//! Which column answers to which name.

use super::fixture::{Fixture, open, request, scan, scan_error, try_scan};
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use batch_core_error::Code;

#[test]
fn odd_names_stand_for_themselves() {
    let names = [
        "plain",
        "with space",
        "with.dot",
        "with\"quote",
        "\"",
        "with'apostrophe",
        "$1",
        "$2",
        "*",
        "select",
        "1st",
        "",
        "back\\slash",
        "únïcødé 数据 🦆",
        "a; DROP TABLE x; --",
        "COLUMNS(*)",
        "tab\tand\nnewline",
        "rowid",
        "filename",
        "file_index",
    ];
    // DuckDB does not write a column without a name, and reads one under a name of its own; others are rarer still.
    let names: Vec<_> = names.into_iter().filter(|name| !name.is_empty()).collect();
    let list: Vec<_> = (0..)
        .zip(&names)
        .map(|(number, name)| format!("{number}::INTEGER AS \"{}\"", name.replace('"', "\"\"")))
        .collect();
    let fixture = Fixture::new();
    let file = fixture.write("names.parquet", &format!("SELECT {}", list.join(", ")));
    let scanner = open(&[&file]);
    for (number, name) in (0..).zip(&names) {
        for (columns, copied) in [(vec![*name], vec![]), (vec![], vec![*name])] {
            let batches = try_scan(&scanner, &request(&file, &columns, &copied, 0..1)).expect(name);
            assert_eq!(batches[0].schema().field(0).name(), name);
            assert_eq!(batches[0].column(0).as_primitive::<Int32Type>().value(0), number, "{name}");
        }
    }
    let all = try_scan(&scanner, &request(&file, &names, &[], 0..1)).expect("all at once");
    assert_eq!(all[0].num_columns(), names.len());
}

#[test]
fn names_that_differ_in_case_are_not_mixed_up() {
    let fixture = Fixture::new();
    let file = fixture.write("case.parquet", "SELECT 1::INTEGER AS a, 2::INTEGER AS \"A\", 3::INTEGER AS b");
    let batch = &scan(&file, &["a", "A_1", "b"], &[], 0..1)[0];
    let values: Vec<_> = batch.columns().iter().map(|column| column.as_primitive::<Int32Type>().value(0)).collect();
    assert_eq!(values, [1, 2, 3]);
    for (wrong, hint) in [("A", "\"A_1\""), ("B", "\"b\"")] {
        let error = scan_error(&file, &["a", wrong], &[], 0..1);
        assert_eq!((error.code, error.place.column.as_deref()), (Code::Config, Some(wrong)));
        assert!(error.message.contains(hint), "{error}");
    }
}

#[test]
fn a_missing_column_is_named() {
    let fixture = Fixture::new();
    let file = fixture.write("ab.parquet", "SELECT 1 AS a, 2 AS b");
    // The last three are columns DuckDB offers for any file; the scan's own row numbers are none of the file's either.
    for missing in ["c", "ab", "", "filename", "file_index", "file_row_number", "FILENAME"] {
        let error = scan_error(&file, &["a", missing], &["b"], 0..1);
        assert_eq!((error.code, error.place.column.as_deref()), (Code::Config, Some(missing)), "{error}");
        assert_eq!(error.place.file.as_deref(), Some(file.as_path()));
        assert!(!error.message.contains("LINE 1"), "{error}");
    }
    let error = scan_error(&file, &["a\0b"], &[], 0..1);
    assert_eq!(error.code, Code::Config);
}

#[test]
fn a_file_with_row_numbers_of_its_own_is_refused() {
    let fixture = Fixture::new();
    for name in ["file_row_number", "File_Row_Number"] {
        let file = fixture.write("own.parquet", &format!("SELECT 1 AS v, 5 AS {name}"));
        let error = scan_error(&file, &["v"], &[], 0..1);
        assert_eq!((error.code, error.place.column.as_deref()), (Code::Config, Some(name)), "{error}");
        assert!(error.message.contains("rename"), "{error}");
    }
}

#[test]
fn a_column_can_be_a_feature_and_copied() {
    let fixture = Fixture::new();
    let file = fixture.write("twice.parquet", "SELECT range::INTEGER AS v, range % 2 = 0 AS b FROM range(3000)");
    let batches = scan(&file, &["v", "b"], &["b", "v"], 0..3000);
    assert_eq!(batches.iter().map(arrow_array::RecordBatch::num_rows).sum::<usize>(), 3000);
    for batch in batches {
        assert_eq!(batch.column(0).as_ref(), batch.column(3).as_ref());
        assert_eq!(batch.schema().field(1).data_type(), &arrow_schema::DataType::UInt8);
        assert_eq!(batch.schema().field(2).data_type(), &arrow_schema::DataType::Boolean);
    }
}

#[test]
fn a_scan_of_no_columns_is_refused() {
    let fixture = Fixture::new();
    let file = fixture.write("v.parquet", "SELECT 1 AS v");
    assert_eq!(scan_error(&file, &[], &[], 0..1).code, Code::Config);
}
