//! How fast parts are written: 4 M rows as a score phase writes them (batches of 2,048 rows, parts of 1 M), on one
//! thread, with and without reasons, with and without fsync. The answer is read back and asserted before the clock starts.

use arrow_array::builder::{Float64Builder, ListBuilder, StringBuilder, StructBuilder};
use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use batch_core_parts::{Disk, PartOptions, PartReceipt, PartWriter, Stager, StoredPart, commit, read_metadata};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

const BATCH_ROWS: usize = 2_048;
const PART_ROWS: usize = 1 << 20;
const PARTS: usize = 4;
const ROUNDS: usize = 5;

/// splitmix64: the numbers need to look random to a codec, no more.
fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn unit(seed: u64) -> f64 {
    (mix(seed) >> 11) as f64 / (1_u64 << 53) as f64
}

fn schema(reasons: bool) -> SchemaRef {
    let entry = vec![
        Field::new("column", DataType::Utf8, false),
        Field::new("value", DataType::Float64, true),
        Field::new("contribution", DataType::Float64, false),
    ];
    let mut fields = vec![
        Field::new("row", DataType::Int64, false),
        Field::new("score", DataType::Float64, false),
        Field::new("anomaly", DataType::Boolean, false),
    ];
    if reasons {
        let item = Field::new("item", DataType::Struct(entry.into()), false);
        fields.push(Field::new("reasons", DataType::List(Arc::new(item)), true));
    }
    Arc::new(Schema::new(fields))
}

fn batch(schema: &SchemaRef, first: u64) -> RecordBatch {
    let rows = first..first + BATCH_ROWS as u64;
    let anomaly = |row: u64| mix(!row).is_multiple_of(100);
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(rows.clone().map(u64::cast_signed))),
        Arc::new(Float64Array::from_iter_values(rows.clone().map(unit))),
        Arc::new(rows.clone().map(|row| Some(anomaly(row))).collect::<BooleanArray>()),
    ];
    if let Some(DataType::List(item)) = schema.fields().get(3).map(|field| field.data_type()) {
        let DataType::Struct(entry) = item.data_type() else { unreachable!("see schema()") };
        let builders = StructBuilder::new(
            entry.clone(),
            vec![Box::new(StringBuilder::new()), Box::new(Float64Builder::new()), Box::new(Float64Builder::new())],
        );
        let mut list = ListBuilder::new(builders).with_field(item.clone());
        for row in rows {
            if anomaly(row) {
                for reason in 0..3 {
                    let values = list.values();
                    let column = format!("x{}", mix(row + reason) % 10);
                    values.field_builder::<StringBuilder>(0).expect("text").append_value(column);
                    values.field_builder::<Float64Builder>(1).expect("number").append_value(unit(row * 7 + reason));
                    values.field_builder::<Float64Builder>(2).expect("number").append_value(unit(row * 9 + reason));
                    values.append(true);
                }
            }
            list.append(anomaly(row));
        }
        columns.push(Arc::new(list.finish()));
    }
    RecordBatch::try_new(schema.clone(), columns).expect("the columns fit the schema")
}

fn write(directory: &Path, batches: &[RecordBatch], options: &PartOptions) -> Vec<(PathBuf, PartReceipt)> {
    let schema = batches[0].schema();
    let write_part = |(index, batches): (usize, &[RecordBatch])| {
        let name = format!("{index}.parquet");
        let mut part =
            PartWriter::create(&Disk::shared(), directory, &name, schema.clone(), options, &name).expect("create");
        for batch in batches {
            part.write(batch).expect("write");
        }
        (directory.join(name), part.finish().expect("finish"))
    };
    batches.chunks(PART_ROWS / BATCH_ROWS).enumerate().map(write_part).collect()
}

/// Processor seconds of this thread, which `Instant` does not know.
fn processor_seconds() -> f64 {
    let ticks = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    ticks.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).map_or(f64::NAN, |nanos| nanos / 1e9)
}

fn main() {
    let home =
        std::env::var_os("BENCH_DIRECTORY").map_or_else(std::env::temp_dir, PathBuf::from).join("batch-core-parts");
    let rows = (PARTS * PART_ROWS) as f64;
    println!("{:<24}{:>12}{:>16}{:>12}", "", "M rows/s", "M rows/CPU s", "bytes/row");
    for reasons in [true, false] {
        let schema = schema(reasons);
        let first_rows = (0..(PARTS * PART_ROWS) as u64).step_by(BATCH_ROWS);
        let batches: Vec<_> = first_rows.map(|first| batch(&schema, first)).collect();
        for durable in [true, false] {
            let options = PartOptions { durable, ..PartOptions::default() };
            let parts = write(&home, &batches, &options);
            let written: u64 = parts.iter().map(|(path, _)| read_metadata(path).expect("a part").rows).sum();
            assert_eq!(written, (PARTS * PART_ROWS) as u64);
            let bytes: u64 = parts.iter().map(|(_, receipt)| receipt.bytes).sum();
            let (mut best, mut processor) = (f64::INFINITY, f64::INFINITY);
            for _ in 0..ROUNDS {
                let (start, ticks) = (Instant::now(), processor_seconds());
                let again = write(&home, &batches, &options);
                best = best.min(start.elapsed().as_secs_f64());
                processor = processor.min(processor_seconds() - ticks);
                assert_eq!(again, parts, "every run writes the same bytes");
            }
            let what =
                format!("{}{}", if reasons { "reasons" } else { "no reasons" }, if durable { ", durable" } else { "" });
            println!(
                "{what:<24}{:>12.1}{:>16.1}{:>12.2}",
                rows / best / 1e6,
                rows / processor / 1e6,
                bytes as f64 / rows
            );
        }
        let parts: Vec<_> = write(&home, &batches, &PartOptions::default())
            .into_iter()
            .map(|(path, receipt)| StoredPart { path, receipt })
            .collect();
        let (temporary, target) = (home.join("all.tmp"), home.join("all.parquet"));
        let start = Instant::now();
        let begun = Stager::new(&Disk::shared(), &temporary, &[]);
        let stager = parts.iter().try_fold(begun, |stager, part| stager.append(part, &mut |_| Ok(())));
        stager.and_then(Stager::finish).expect("stage");
        commit(&Disk::shared(), &temporary, &target, None).expect("commit");
        println!("{:<24}{:>12.1}", "publish", rows / start.elapsed().as_secs_f64() / 1e6);
        std::fs::remove_file(target).expect("clean up");
    }
    std::fs::remove_dir_all(&home).expect("clean up");
}
