//! Columns of any type that the caller keeps: through the Arrow writer of the Parquet library.

use super::Encoder;
use super::codec::Codec;
use crate::sink::Sink;
use arrow_array::{Array, ArrayRef};
use arrow_schema::FieldRef;
use arrow_select::concat::concat;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, compute_leaves};
use parquet::errors::Result;
use parquet::file::writer::SerializedRowGroupWriter;

/// The library cuts pages between its calls, so it is called with blocks of this many rows whatever batches come in.
const BLOCK_ROWS: usize = 16_384;

/// A column that only the library can encode.
pub(crate) struct Kept {
    field: FieldRef,
    writers: Vec<ArrowColumnWriter>,
    waiting: Vec<ArrayRef>,
    waiting_rows: usize,
}

impl Kept {
    pub(crate) fn new(field: &FieldRef) -> Self {
        Self { field: field.clone(), writers: Vec::new(), waiting: Vec::new(), waiting_rows: 0 }
    }

    fn write_block(&mut self) -> Result<()> {
        self.waiting_rows = 0;
        let waiting = std::mem::take(&mut self.waiting);
        let block = match waiting.as_slice() {
            [] => return Ok(()),
            [whole] => whole.clone(),
            pieces => concat(&pieces.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>())?,
        };
        for (leaf, writer) in compute_leaves(&self.field, &block)?.iter().zip(&mut self.writers) {
            writer.write(leaf)?;
        }
        Ok(())
    }
}

impl Encoder for Kept {
    fn begin_row_group(&mut self, writers: Vec<ArrowColumnWriter>) {
        self.writers = writers;
    }

    fn append(&mut self, array: &ArrayRef, _codec: &mut Codec) -> Result<()> {
        let mut rest = array.clone();
        while self.waiting_rows + rest.len() >= BLOCK_ROWS {
            let taken = BLOCK_ROWS - self.waiting_rows;
            self.waiting.push(rest.slice(0, taken));
            rest = rest.slice(taken, rest.len() - taken);
            self.write_block()?;
        }
        if !rest.is_empty() {
            self.waiting_rows += rest.len();
            self.waiting.push(rest);
        }
        Ok(())
    }

    /// Nothing: the library ends pages as it sees fit.
    fn end_page(&mut self, _codec: &mut Codec) -> Result<()> {
        Ok(())
    }

    fn end_row_group(&mut self, group: &mut SerializedRowGroupWriter<'_, Sink>, _codec: &mut Codec) -> Result<()> {
        self.write_block()?;
        std::mem::take(&mut self.writers).into_iter().try_for_each(|writer| writer.close()?.append_to_row_group(group))
    }
}
