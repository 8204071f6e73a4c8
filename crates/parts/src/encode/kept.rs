//! Columns of any type that the caller keeps: through the Arrow writer of the Parquet library.

use super::codec::Codec;
use super::encoder::Encoder;
use crate::sink::Sink;
use arrow_array::{Array, ArrayRef};
use arrow_schema::FieldRef;
use arrow_select::concat::concat;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, compute_leaves};
use parquet::errors::Result;
use parquet::file::writer::SerializedRowGroupWriter;

/// A column that only the library can encode.
pub(crate) struct Kept {
    field: FieldRef,
    writers: Vec<ArrowColumnWriter>,
    waiting: Vec<ArrayRef>,
}

impl Kept {
    pub(crate) fn new(field: &FieldRef) -> Self {
        Self { field: field.clone(), writers: Vec::new(), waiting: Vec::new() }
    }
}

impl Encoder for Kept {
    fn begin_row_group(&mut self, writers: Vec<ArrowColumnWriter>) {
        self.writers = writers;
    }

    fn append(&mut self, array: &ArrayRef, _codec: &mut Codec) -> Result<()> {
        self.waiting.push(array.clone());
        Ok(())
    }

    fn detach(&mut self) -> Result<()> {
        if let Some(last) = self.waiting.last_mut() {
            // Of one array alone the library makes no copy.
            *last = concat(&[last.as_ref(), last.slice(0, 0).as_ref()])?;
        }
        Ok(())
    }

    fn end_block(&mut self) -> Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        let block = match waiting.as_slice() {
            [] => return Ok(()),
            [whole] => whole.clone(),
            pieces => concat(&pieces.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>())?,
        };
        drop(waiting);
        for (leaf, writer) in compute_leaves(&self.field, &block)?.iter().zip(&mut self.writers) {
            writer.write(leaf)?;
        }
        Ok(())
    }

    fn held_bytes(&self) -> usize {
        self.writers.iter().map(ArrowColumnWriter::get_estimated_total_bytes).sum()
    }

    /// Nothing: the library ends pages as it sees fit.
    fn end_page(&mut self, _codec: &mut Codec) -> Result<()> {
        Ok(())
    }

    fn end_row_group(&mut self, group: &mut SerializedRowGroupWriter<'_, Sink>, _codec: &mut Codec) -> Result<()> {
        self.end_block()?;
        std::mem::take(&mut self.writers).into_iter().try_for_each(|writer| writer.close()?.append_to_row_group(group))
    }
}
