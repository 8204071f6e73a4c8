//! One part: record batches in, one durable Parquet file out.

use crate::encode::{BLOCK_BYTES, BLOCK_ROWS, Codec, Encoder, Kept, PAGE_ROWS, ROW_GROUP_BYTES, encoder, extent};
use crate::error::{Code, PartsError, Result};
use crate::fs::{FileSystem, create_directory, plain};
use crate::layout::{self, PartOptions};
use crate::receipt::PartReceipt;
use crate::sink::Sink;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowRowGroupWriterFactory;
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedFileWriter;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Writes `<directory>/.tmp/<attempt tag>` and, on [`finish`](Self::finish), renames it to `<directory>/<name>`.
/// Dropped before that, it removes what it wrote.
pub struct PartWriter {
    writer: SerializedFileWriter<Sink>,
    columns: Columns,
    schema: SchemaRef,
    temporary: PathBuf,
    target: PathBuf,
}

impl PartWriter {
    /// Creates the temporary file. `directory` is the job's: its owner made it, durably, before the first part.
    ///
    /// # Errors
    /// `PATH_LOST` when `directory` is not there, BUG when a name is no plain file name, or the attempt was made before; otherwise as the operating system says.
    pub fn create(
        fs: &Arc<dyn FileSystem>,
        directory: &Path,
        name: &str,
        schema: SchemaRef,
        options: &PartOptions,
        attempt_tag: &str,
    ) -> Result<Self> {
        if let Some(name) = [name, attempt_tag].into_iter().find(|name| !plain(name)) {
            return Err(PartsError::bug(directory, format_args!("{name:?} is no plain file name")));
        }
        let scratch = directory.join(".tmp");
        let (temporary, target) = (scratch.join(attempt_tag), directory.join(name));
        let properties = layout::properties(&schema, options).map_err(|e| PartsError::bug(&target, e))?;
        create_directory(fs.as_ref(), &scratch)?; // what is in it may be lost, so its name may be too
        let sink = Sink::create(Arc::clone(fs), &temporary, options.durable).map_err(|error| match error.kind() {
            Some(ErrorKind::AlreadyExists) => PartsError::bug(&temporary, "this attempt was made before"),
            _ => error,
        })?;
        let begin = || {
            let writer = ArrowWriter::try_new(sink, schema.clone(), Some(properties))?;
            let (mut writer, factory) = writer.into_serialized_writer()?;
            layout::key_values(&options.metadata).for_each(|pair| writer.append_key_value_metadata(pair));
            let columns = Columns::new(&schema, &writer, factory, options)?;
            Ok((writer, columns))
        };
        let (writer, columns) = begin().map_err(|e| PartsError::parquet("begin", &temporary, e, Code::Bug))?;
        Ok(Self { writer, columns, schema, temporary, target })
    }

    /// Appends the rows of `batch`. How rows are split into batches leaves no trace in the file.
    ///
    /// # Errors
    /// BUG when the batch has another schema; otherwise as the operating system says. The writer is of no use after.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.schema_ref().fields() != self.schema.fields() {
            let reason = format_args!("a batch has the schema {:?}, not {:?}", batch.schema_ref(), self.schema);
            return Err(PartsError::bug(&self.target, reason));
        }
        let written = self.columns.append(batch, &mut self.writer);
        written.map_err(|e| PartsError::parquet("write", &self.temporary, e, Code::Bug))
    }

    /// Writes the footer and makes the part durable under its name; one of that name is replaced.
    ///
    /// # Errors
    /// As the operating system says. The name then holds nothing, the former part, or (when only the directory could
    /// not be synced) this one: never anything in between.
    pub fn finish(mut self) -> Result<PartReceipt> {
        let finished = self.columns.end_row_group(&mut self.writer).and_then(|()| self.writer.finish());
        let metadata = finished.map_err(|e| PartsError::parquet("finish", &self.temporary, e, Code::Bug))?;
        let rows = u64::try_from(metadata.file_metadata().num_rows()).unwrap_or(0);
        let (bytes, sha256) = self.writer.inner_mut().commit(&self.target)?;
        Ok(PartReceipt { rows, bytes, sha256 })
    }
}

impl std::fmt::Debug for PartWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartWriter").field("temporary", &self.temporary).finish_non_exhaustive()
    }
}

/// Cuts rows into pages, blocks and row groups at places that the rows alone decide, and hands each column to its encoder.
struct Columns {
    encoders: Vec<Box<dyn Encoder>>,
    /// Parquet columns of each encoder.
    leaves: Vec<usize>,
    /// The columns that the library encodes.
    kept: Vec<usize>,
    /// The maker of the library's writers, where a column needs them.
    factory: Option<ArrowRowGroupWriterFactory>,
    codec: Codec,
    row_group_rows: usize,
    /// Rows of the row group so far, of its last page, and of its last block, with the bytes of kept columns in that.
    rows: usize,
    page_rows: usize,
    block_rows: usize,
    block_bytes: usize,
}

impl Columns {
    fn new(
        schema: &SchemaRef,
        writer: &SerializedFileWriter<Sink>,
        factory: ArrowRowGroupWriterFactory,
        options: &PartOptions,
    ) -> Result<Self, ParquetError> {
        let descriptor = writer.schema_descr();
        let (mut encoders, mut leaves, mut kept) = (Vec::new(), Vec::new(), Vec::new());
        for (index, field) in schema.fields().iter().enumerate() {
            let below = (0..descriptor.num_columns()).filter(|leaf| descriptor.get_column_root_idx(*leaf) == index);
            let columns: Vec<_> = below.map(|leaf| descriptor.column(leaf)).collect();
            leaves.push(columns.len());
            encoders.push(encoder(field, &columns).unwrap_or_else(|| {
                kept.push(index);
                Box::new(Kept::new(field))
            }));
        }
        Ok(Self {
            encoders,
            leaves,
            factory: (!kept.is_empty()).then_some(factory),
            kept,
            codec: Codec::new(options.compression)?,
            row_group_rows: options.row_group_rows,
            rows: 0,
            page_rows: 0,
            block_rows: 0,
            block_bytes: 0,
        })
    }

    fn append(&mut self, batch: &RecordBatch, writer: &mut SerializedFileWriter<Sink>) -> Result<(), ParquetError> {
        let mut done = 0;
        while done < batch.num_rows() {
            if self.rows == 0 {
                self.begin_row_group(writer.flushed_row_groups().len())?;
            }
            let room = (PAGE_ROWS - self.page_rows).min(self.row_group_rows - self.rows);
            let count = self.block(batch, done, room.min(batch.num_rows() - done));
            for (encoder, column) in self.encoders.iter_mut().zip(batch.columns()) {
                if count == batch.num_rows() {
                    encoder.append(column, &mut self.codec)?;
                } else {
                    encoder.append(&column.slice(done, count), &mut self.codec)?;
                }
            }
            done += count;
            self.rows += count;
            self.page_rows += count;
            if self.rows == self.row_group_rows {
                self.end_row_group(writer)?;
                continue;
            }
            if self.page_rows == PAGE_ROWS {
                self.end_page()?;
            }
            if self.block_rows == BLOCK_ROWS || self.block_bytes >= BLOCK_BYTES {
                self.end_block(writer)?;
            } else if count < batch.num_rows() {
                // The rest of a large batch waits, which would keep all of it.
                self.kept.iter().try_for_each(|index| self.encoders[*index].detach())?;
            }
        }
        Ok(())
    }

    /// How many of the `rows` rows of `batch` from `first` on go into the block that is under way.
    fn block(&mut self, batch: &RecordBatch, first: usize, rows: usize) -> usize {
        if self.kept.is_empty() {
            return rows;
        }
        let sized = |rows: Range<usize>| {
            let kept = self.kept.iter().map(|index| extent::bytes(batch.column(*index), rows.clone()));
            kept.sum::<usize>()
        };
        let room = rows.min(BLOCK_ROWS - self.block_rows);
        let least = BLOCK_BYTES - self.block_bytes;
        let count = extent::reaching(least, first..first + room, sized).unwrap_or(room);
        self.block_bytes += sized(first..first + count);
        self.block_rows += count;
        count
    }

    fn begin_row_group(&mut self, index: usize) -> Result<(), ParquetError> {
        if let Some(factory) = &self.factory {
            let mut writers = factory.create_column_writers(index)?.into_iter();
            for (encoder, leaves) in self.encoders.iter_mut().zip(&self.leaves) {
                encoder.begin_row_group(writers.by_ref().take(*leaves).collect());
            }
        }
        Ok(())
    }

    fn end_page(&mut self) -> Result<(), ParquetError> {
        self.page_rows = 0;
        self.encoders.iter_mut().try_for_each(|encoder| encoder.end_page(&mut self.codec))
    }

    fn end_block(&mut self, writer: &mut SerializedFileWriter<Sink>) -> Result<(), ParquetError> {
        (self.block_rows, self.block_bytes) = (0, 0);
        let mut held = 0;
        for index in &self.kept {
            self.encoders[*index].end_block()?;
            held += self.encoders[*index].held_bytes();
        }
        if held >= ROW_GROUP_BYTES { self.end_row_group(writer) } else { Ok(()) }
    }

    fn end_row_group(&mut self, writer: &mut SerializedFileWriter<Sink>) -> Result<(), ParquetError> {
        if self.rows == 0 {
            return Ok(());
        }
        if self.page_rows > 0 {
            self.end_page()?;
        }
        (self.rows, self.block_rows, self.block_bytes) = (0, 0, 0);
        let mut group = writer.next_row_group()?;
        for encoder in &mut self.encoders {
            encoder.end_row_group(&mut group, &mut self.codec)?;
        }
        group.close()?;
        Ok(())
    }
}
