//! The laws of this crate, one module for each; here is what they share.

mod bytes;
mod crash;
mod damage;
mod directory;
mod faults;
mod footer;
mod lists;
mod order;
mod property;
mod publish;
mod replace;
mod source;
mod splice;
mod two;

use crate::{
    Disk, FileSystem, PartOptions, PartReceipt, PartWriter, Result, Staged, Stager, StoredPart, commit,
    create_directories, digest, read_metadata,
};
use arrow_array::builder::{ArrayBuilder, Float64Builder, ListBuilder, StringBuilder, StructBuilder};
use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The fields of one reason.
fn entry() -> Vec<Field> {
    vec![
        Field::new("column", DataType::Utf8, false),
        Field::new("value", DataType::Float64, true),
        Field::new("contribution", DataType::Float64, false),
        Field::new("usual_low", DataType::Float64, true),
        Field::new("usual_high", DataType::Float64, true),
    ]
}

/// Everything a part can hold: row number, a kept text, score, severity, anomaly, reasons.
fn schema() -> SchemaRef {
    let item = Field::new("item", DataType::Struct(entry().into()), false);
    Arc::new(Schema::new(vec![
        Field::new("row", DataType::Int64, false),
        Field::new("name", DataType::Utf8, true),
        Field::new("score", DataType::Float64, true),
        Field::new("severity", DataType::Float64, true),
        Field::new("anomaly", DataType::Boolean, false),
        Field::new("reasons", DataType::List(Arc::new(item)), true),
    ]))
}

/// Rows `first..first + count` of a made-up output: every 7th name and every 11th score is null, every 5th row flagged.
fn batch(first: i64, count: i64) -> RecordBatch {
    let rows = first..first + count;
    let builders = StructBuilder::new(
        entry(),
        std::iter::once(Box::new(StringBuilder::new()) as Box<dyn ArrayBuilder>)
            .chain((1..5).map(|_| Box::new(Float64Builder::new()) as Box<dyn ArrayBuilder>))
            .collect(),
    );
    let item = Field::new("item", DataType::Struct(entry().into()), false);
    let mut reasons = ListBuilder::new(builders).with_field(item);
    for row in rows.clone() {
        for reason in (0..row % 4).filter(|_| row % 5 == 0) {
            let values = reasons.values();
            values.field_builder::<StringBuilder>(0).unwrap().append_value(format!("x{reason}"));
            let value = (reason != 1).then_some(number(row + reason));
            values.field_builder::<Float64Builder>(1).unwrap().append_option(value);
            values.field_builder::<Float64Builder>(2).unwrap().append_value(number(row - reason));
            values.field_builder::<Float64Builder>(3).unwrap().append_value(-number(reason));
            let high = (reason != 2).then_some(number(reason));
            values.field_builder::<Float64Builder>(4).unwrap().append_option(high);
            values.append(true);
        }
        reasons.append(row % 5 == 0);
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(rows.clone())),
        Arc::new(rows.clone().map(|row| (row % 7 != 0).then(|| format!("n{}", row % 50))).collect::<StringArray>()),
        Arc::new(rows.clone().map(|row| (row % 11 != 0).then(|| number(row))).collect::<Float64Array>()),
        Arc::new(rows.clone().map(|row| (row % 11 != 0).then_some((row % 99) as f64)).collect::<Float64Array>()),
        Arc::new(rows.map(|row| Some(row % 5 == 0)).collect::<BooleanArray>()),
        Arc::new(reasons.finish()),
    ];
    RecordBatch::try_new(schema(), columns).unwrap()
}

/// Looks random, and its last bits do too.
#[expect(clippy::cast_sign_loss, reason = "any bits will do")]
fn number(row: i64) -> f64 {
    (((row as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) as f64).sqrt()
}

/// Writes the rows `first..first + count` as one part, the first of which finds no directory: the owner makes it.
fn write_part(fs: &Arc<dyn FileSystem>, directory: &Path, name: &str, first: i64, count: i64) -> Result<PartReceipt> {
    let options = PartOptions { row_group_rows: 1_000, ..PartOptions::default() };
    if !directory.is_dir() {
        create_directories(fs, directory)?;
    }
    let mut part = PartWriter::create(fs, directory, name, schema(), &options, &format!("{name}.1.1"))?;
    part.write(&batch(first, count))?;
    part.finish()
}

/// Parts as a checkpoint would know them that looked at them now; one that is absent is in no checkpoint as it is.
fn stored(parts: &[PathBuf]) -> Vec<StoredPart> {
    let receipt = |path: &Path| PartReceipt {
        rows: read_metadata(path).map_or(0, |facts| facts.rows),
        bytes: std::fs::metadata(path).map_or(0, |facts| facts.len()),
        sha256: digest(path).unwrap_or_default(),
    };
    parts.iter().map(|path| StoredPart { path: path.clone(), receipt: receipt(path) }).collect()
}

/// Stages `parts`, all of which are there.
fn stage(
    fs: &Arc<dyn FileSystem>,
    parts: &[StoredPart],
    temporary: &Path,
    metadata: &[(String, String)],
) -> Result<Staged> {
    let begun = Stager::new(fs, temporary, metadata);
    parts.iter().try_fold(begun, |stager, part| stager.append(part, &mut |_| Ok(())))?.finish()
}

/// Publishes `parts` as `target`, replacing what lies there.
fn publish_file(fs: &Arc<dyn FileSystem>, parts: &[PathBuf], target: &Path) -> Result<PartReceipt> {
    let temporary = target.with_extension("tmp");
    let _ = std::fs::remove_file(&temporary); // as a run sweeps what a killed one left
    let staged = stage(fs, &stored(parts), &temporary, &[])?;
    commit(fs, &temporary, target, Disk.identity(target).ok()).inspect_err(|_| {
        let _ = std::fs::remove_file(&temporary);
    })?;
    Ok(staged.receipt)
}
