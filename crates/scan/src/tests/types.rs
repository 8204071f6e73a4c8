//! Every type DuckDB has: as a feature, as a copied column, or refused.

use super::fixture::{Fixture, request, scan, scan_error, unlocked};
use crate::columns::Columns;
use crate::query::{Rows, Stop};
use crate::{Fetch, Numbers, numeric};
use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use batch_core_error::{Code, Error};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

/// The only batch of a query on the columns `v`, as a feature, and `v` again, copied.
fn batch_of(sql: &str, columns: &[&str], copied: &[&str]) -> Result<RecordBatch, Error> {
    let connection = Rc::new(unlocked());
    let refused = |stop| match stop {
        Stop::Refused(error) => error,
        Stop::Failed(failure) => failure.error(),
    };
    let mut rows = Rows::start(&connection, sql, &[], Fetch::Streaming).map_err(refused)?;
    let columns = Columns::new(&mut rows, &request(Path::new("-"), columns, copied, 0..1))?;
    let chunk = Arc::new(rows.next_chunk().map_err(refused)?.expect("rows"));
    columns.batch(&chunk).map(|(batch, _)| batch)
}

/// A feature of type `sql_type` with the values of `list` and a null: its Arrow type and its numbers.
fn check(sql_type: &str, list: &str, kind: &DataType, expected: &[f64]) {
    let select = format!("SELECT unnest([{list}, NULL]::{sql_type}[]) AS v");
    let batch = batch_of(&select, &["v"], &[]).expect(sql_type);
    check_batch(&batch, sql_type, kind, expected);
}

fn check_batch(batch: &RecordBatch, name: &str, kind: &DataType, expected: &[f64]) {
    assert_eq!(batch.column(0).data_type(), kind, "{name}");
    assert_eq!(batch.schema().field(0).data_type(), kind, "{name}");
    let mut scratch = Numbers::default();
    let column = numeric(batch.column(0), &mut scratch).expect(name);
    let valid = column.validity.expect("a null")[0];
    assert_eq!(valid & ((2 << expected.len()) - 1), (1 << expected.len()) - 1, "{name}");
    assert_eq!(column.values.len(), expected.len() + 1);
    for (value, expected) in column.values.iter().zip(expected) {
        assert_eq!(value.to_bits(), expected.to_bits(), "{name}: {value} is not {expected}");
    }
}

#[test]
fn every_number_is_a_feature() {
    use DataType::{Decimal32, Decimal64, Decimal128, Float32, Float64, Int8, Int16, Int32, Int64};
    use DataType::{UInt8, UInt16, UInt32, UInt64};
    check("BOOLEAN", "true, false", &UInt8, &[1.0, 0.0]);
    check("TINYINT", "-128, 127", &Int8, &[-128.0, 127.0]);
    check("SMALLINT", "-32768, 32767", &Int16, &[-32768.0, 32767.0]);
    check("INTEGER", "-2147483648, 7", &Int32, &[-2_147_483_648.0, 7.0]);
    check(
        "BIGINT",
        "-9223372036854775808, 9007199254740993",
        &Int64,
        &[-9_223_372_036_854_775_808.0, 9_007_199_254_740_992.0],
    );
    check("UTINYINT", "0, 255", &UInt8, &[0.0, 255.0]);
    check("USMALLINT", "0, 65535", &UInt16, &[0.0, 65535.0]);
    check("UINTEGER", "0, 4294967295", &UInt32, &[0.0, 4_294_967_295.0]);
    check("UBIGINT", "0, 18446744073709551615", &UInt64, &[0.0, 18_446_744_073_709_551_615.0]);
    check(
        "HUGEINT",
        "-170141183460469231731687303715884105728, 170141183460469231731687303715884105727, -1",
        &Decimal128(38, 0),
        &[-1.701_411_834_604_692_3e38, 1.701_411_834_604_692_3e38, -1.0],
    );
    check("UHUGEINT", "'340282366920938463463374607431768211455', '3'", &Float64, &[3.402_823_669_209_385e38, 3.0]);
    check("FLOAT", "'0.1', 'nan', '-inf', '-0.0'", &Float32, &[f64::from(0.1f32), f64::NAN, f64::NEG_INFINITY, -0.0]);
    check("DOUBLE", "'0.1', 'nan', 'inf', '-0.0'", &Float64, &[0.1, f64::NAN, f64::INFINITY, -0.0]);
    check("DECIMAL(4,1)", "-999.9, 0.1", &Decimal32(4, 1), &[-999.9, 0.1]);
    check("DECIMAL(1,0)", "-9, 9", &Decimal32(1, 0), &[-9.0, 9.0]);
    check("DECIMAL(9,3)", "-999999.999, 0.001", &Decimal32(9, 3), &[-999_999.999, 0.001]);
    check("DECIMAL(18,9)", "-999999.999999999, 0.7", &Decimal64(18, 9), &[-999_999.999_999_999, 0.7]);
    check("DECIMAL(38,2)", "-123456789012.34, 0.07", &Decimal128(38, 2), &[-123_456_789_012.34, 0.07]);
    check("DECIMAL(38,38)", "0.5, -0.25", &Decimal128(38, 38), &[0.5, -0.25]);
}

#[test]
fn dates_and_times_are_features_in_their_stored_unit() {
    use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    let utc = || Some("UTC".into());
    check("DATE", "'1970-01-02', '1969-12-31'", &DataType::Date32, &[1.0, -1.0]);
    check("TIME", "'00:00:01', '23:59:59.999999'", &DataType::Time64(Microsecond), &[1e6, 86_399_999_999.0]);
    check("TIMETZ", "'00:00:01+00', '13:00:00+05:30'", &DataType::Time64(Microsecond), &[1e6, 46_800e6]);
    check("TIMESTAMP_S", "'1970-01-01 00:01:00'", &DataType::Timestamp(Second, None), &[60.0]);
    check("TIMESTAMP_MS", "'1970-01-01 00:01:00.5'", &DataType::Timestamp(Millisecond, None), &[60_500.0]);
    check("TIMESTAMP", "'1969-12-31 23:59:59'", &DataType::Timestamp(Microsecond, None), &[-1e6]);
    check("TIMESTAMP_NS", "'1970-01-01 00:00:00.000000007'", &DataType::Timestamp(Nanosecond, None), &[7.0]);
    let kind = DataType::Timestamp(Microsecond, utc());
    check("TIMESTAMPTZ", "'1970-01-01 00:00:00+01'", &kind, &[-3600e6]);
}

#[test]
fn what_is_no_number_is_no_feature() {
    for (expression, name) in [
        ("'x'", "VARCHAR"),
        ("'x'::BLOB", "BLOB"),
        ("INTERVAL 1 DAY", "INTERVAL"),
        ("uuid()", "UUID"),
        ("[1, 2]", "LIST"),
        ("{'a': 1}", "STRUCT"),
        ("MAP {'a': 1}", "MAP"),
        ("[1, 2]::INTEGER[2]", "ARRAY"),
        ("'101'::BIT", "BIT"),
        ("'a'::ENUM('a', 'b')", "ENUM"),
        ("union_value(a := 1)", "UNION"),
    ] {
        let error = batch_of(&format!("SELECT {expression} AS v"), &["v"], &[]).expect_err(name);
        assert_eq!((error.code, error.place.column.as_deref()), (Code::Config, Some("v")), "{error}");
        assert!(error.message.contains("\"v\"") && error.message.contains(name), "{error}");
        batch_of(&format!("SELECT {expression} AS v"), &[], &["v"]).expect("can be copied");
    }
    let fixture = Fixture::new();
    let file = fixture.write("text.parquet", "SELECT 1 AS n, 'x' AS word");
    let error = scan_error(&file, &["n", "word"], &[], 0..1);
    assert_eq!(
        (error.code, error.place.column.as_deref(), error.place.file.as_deref()),
        (Code::Config, Some("word"), Some(file.as_path()))
    );
    assert!(error.message.contains("VARCHAR"), "{error}");
}

#[test]
fn what_arrow_does_not_have_is_not_copied() {
    let error =
        batch_of("SELECT 'x' AS s, 1::VARIANT AS v, true AS b", &[], &["s", "v", "b"]).expect_err("no such type");
    assert_eq!((error.code, error.place.column.as_deref()), (Code::Config, Some("v")), "{error}");
    assert!(error.message.contains("VARIANT") && !error.message.contains("exception"), "{error}");
}

#[test]
fn a_file_keeps_the_types_it_has() {
    use DataType::{Decimal32, Decimal64, Decimal128, Float32, Float64, Int8, Int16, Int32, Int64};
    use DataType::{UInt8, UInt16, UInt32, UInt64};
    let cases = [
        ("BOOLEAN", UInt8),
        ("TINYINT", Int8),
        ("SMALLINT", Int16),
        ("INTEGER", Int32),
        ("BIGINT", Int64),
        ("UTINYINT", UInt8),
        ("USMALLINT", UInt16),
        ("UINTEGER", UInt32),
        ("UBIGINT", UInt64),
        ("FLOAT", Float32),
        ("DOUBLE", Float64),
        ("DECIMAL(4,1)", Decimal32(4, 1)),
        ("DECIMAL(9,2)", Decimal32(9, 2)),
        ("DECIMAL(18,3)", Decimal64(18, 3)),
        ("DECIMAL(30,4)", Decimal128(30, 4)),
    ];
    let fixture = Fixture::new();
    for (sql_type, kind) in cases {
        let select = format!("SELECT unnest([1, 0, NULL]::{sql_type}[]) AS v");
        let file = fixture.write("typed.parquet", &select);
        check_batch(&scan(&file, &["v"], &[], 0..3)[0], sql_type, &kind, &[1.0, 0.0]);
    }
}

#[test]
fn copied_columns_keep_their_values() {
    let batch = batch_of(
        "SELECT * FROM (VALUES (true, 'short', ['a', NULL], {'x': 1, 'y': 'a string of more than twelve bytes'}, \
         '\\x00\\xFF'::BLOB, '6f9619ff-8b86-d011-b42d-00c04fc964ff'::UUID, 1.5::DECIMAL(4,1)), \
         (NULL, NULL, NULL, NULL, NULL, NULL, NULL), \
         (false, 'a string of more than twelve bytes', [], {'x': NULL, 'y': NULL}, ''::BLOB, NULL, -0.1)) \
         t(b, s, l, r, o, u, d)",
        &[],
        &["b", "s", "l", "r", "o", "u", "d"],
    )
    .expect("a batch");
    for column in batch.columns() {
        assert!(column.is_null(1), "{column:?}");
    }
    assert!(batch.column(0).as_boolean().value(0) && !batch.column(0).as_boolean().value(2));
    let strings = batch.column(1).as_string::<i32>();
    assert_eq!((strings.value(0), strings.value(2)), ("short", "a string of more than twelve bytes"));
    let list = batch.column(2).as_list::<i32>();
    assert_eq!((list.value_length(0), list.value_length(2)), (2, 0));
    assert!(list.value(0).is_null(1));
    let fields = batch.column(3).as_struct();
    assert_eq!(fields.column(1).as_string::<i32>().value(0), "a string of more than twelve bytes");
    assert!(fields.is_valid(2) && fields.column(0).is_null(2));
    assert_eq!(batch.column(4).as_binary::<i32>().value(0), [0, 255]);
    assert_eq!(batch.column(5).as_string::<i32>().value(0), "6f9619ff-8b86-d011-b42d-00c04fc964ff");
    assert_eq!(batch.column(6).data_type(), &DataType::Decimal32(4, 1));
}

#[test]
fn zones_in_schemas_do_not_depend_on_the_machine() {
    let fixture = Fixture::new();
    let file = fixture.write("zoned.parquet", "SELECT {'t': '2000-01-01 00:00:00+00'::TIMESTAMPTZ} AS r");
    let batch = &scan(&file, &[], &["r"], 0..1)[0];
    let inner = batch.column(0).as_struct().column(0).data_type().clone();
    assert_eq!(inner, DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())));
}

/// What is copied into a part must be what was read, as far as another reader can tell.
#[test]
fn copied_columns_survive_a_parquet_file() {
    let columns = [
        ("b", "range % 3 = 0"),
        ("i8", "(range % 100)::TINYINT"),
        ("u16", "range::USMALLINT"),
        ("i32", "-range::INTEGER"),
        ("i64", "range"),
        ("u64", "(18446744073709551615 - range)::UBIGINT"),
        ("f", "range::FLOAT / 3"),
        ("d", "range::DOUBLE / 3"),
        ("d4", "(range / 10)::DECIMAL(4, 1)"),
        ("d9", "(range / 10)::DECIMAL(9, 3)"),
        ("d18", "(range / 10)::DECIMAL(18, 5)"),
        ("d38", "(range / 10)::DECIMAL(38, 7)"),
        ("day", "DATE '2000-02-29' + range::INTEGER"),
        ("time", "TIME '00:00:00.000001' + INTERVAL (range) SECOND"),
        ("ts", "TIMESTAMP '2000-01-01' + INTERVAL (range) HOUR"),
        ("tz", "(TIMESTAMP '2000-01-01' + INTERVAL (range) HOUR)::TIMESTAMPTZ"),
        ("ns", "(TIMESTAMP '2000-01-01' + INTERVAL (range) HOUR)::TIMESTAMP_NS"),
        ("s", "'row ' || range || repeat('x', (range % 20)::INTEGER)"),
        ("o", "('row ' || range)::BLOB"),
        ("l", "[range, NULL]"),
        ("r", "{'a': range, 'b': 'b' || range}"),
        ("m", "MAP {'k' || range: range}"),
    ];
    let list = |wrap: &dyn Fn(&str) -> String| {
        columns.map(|(name, expression)| format!("{} AS {name}", wrap(expression))).join(", ")
    };
    let nullable = |expression: &str| format!("CASE WHEN range % 11 <> 5 THEN {expression} END");
    let fixture = Fixture::new();
    let file = fixture.write("in.parquet", &format!("SELECT {} FROM range(3000)", list(&nullable)));
    let batches = scan(&file, &[], &columns.map(|(name, _)| name), 0..3000);
    let part = fixture.path("out.parquet");
    let out = std::fs::File::create(&part).expect("creates");
    let mut writer = parquet::arrow::ArrowWriter::try_new(out, batches[0].schema(), None).expect("writes");
    for batch in &batches {
        writer.write(batch).expect("writes");
    }
    writer.close().expect("writes");
    let (file, part) = (file.display(), part.display());
    for (name, _) in columns {
        let sql = format!(
            "SELECT CASE WHEN count(*) = 3000 THEN 1 ELSE error(count(*)::VARCHAR) END \
             FROM (SELECT {name} AS v, file_row_number FROM '{file}') a \
             JOIN (SELECT {name} AS v, file_row_number FROM '{part}') b USING (file_row_number) \
             WHERE a.v IS NOT DISTINCT FROM b.v AND typeof(a.v) = typeof(b.v)"
        );
        unlocked().run(&sql).unwrap_or_else(|failure| panic!("{name}: {}", failure.text));
    }
}
