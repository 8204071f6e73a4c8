//! One part: record batches in, one durable Parquet file out.

use crate::error::{Code, PartsError, Result};
use crate::fs::{FileSystem, create_directories, plain};
use crate::layout::{self, PartOptions};
use crate::sink::Sink;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use arrow_select::concat::concat_batches;
use parquet::arrow::ArrowWriter;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The encoder is handed blocks of this many rows whatever batches come in: page boundaries follow the calls.
const BLOCK_ROWS: usize = 16_384;

/// What was written, for the checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartReceipt {
    /// Rows in the file.
    pub rows: u64,
    /// The file's length.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in lower-case hex.
    pub sha256: String,
}

/// Writes `<directory>/.tmp/<attempt tag>` and, on [`finish`](Self::finish), renames it to `<directory>/<name>`.
/// Dropped before that, it removes what it wrote.
#[derive(Debug)]
pub struct PartWriter {
    writer: ArrowWriter<Sink>,
    schema: SchemaRef,
    waiting: Vec<RecordBatch>,
    waiting_rows: usize,
    temporary: PathBuf,
    target: PathBuf,
}

impl PartWriter {
    /// Creates the temporary file, and the directories that are missing.
    ///
    /// # Errors
    /// BUG when a name is no plain file name, or the attempt was made before; otherwise as the operating system says.
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
        create_directories(fs.as_ref(), &scratch, options.durable)?;
        let (temporary, target) = (scratch.join(attempt_tag), directory.join(name));
        let properties = layout::properties(&schema, options).map_err(|e| PartsError::bug(&target, e))?;
        let sink = Sink::create(Arc::clone(fs), &temporary, options.durable).map_err(|error| match error.kind() {
            Some(ErrorKind::AlreadyExists) => PartsError::bug(&temporary, "this attempt was made before"),
            _ => error,
        })?;
        let mut writer = ArrowWriter::try_new(sink, schema.clone(), Some(properties))
            .map_err(|e| PartsError::parquet("begin", &temporary, e, Code::Bug))?;
        layout::key_values(&options.metadata).for_each(|pair| writer.append_key_value_metadata(pair));
        Ok(Self { writer, schema, waiting: Vec::new(), waiting_rows: 0, temporary, target })
    }

    /// Appends the rows of `batch`. How rows are split into batches leaves no trace in the file.
    ///
    /// # Errors
    /// BUG when the batch has another schema; otherwise as the operating system says. The writer is of no use after.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut rest = batch.clone();
        while self.waiting_rows + rest.num_rows() >= BLOCK_ROWS {
            let taken = BLOCK_ROWS - self.waiting_rows;
            self.waiting.push(rest.slice(0, taken));
            rest = rest.slice(taken, rest.num_rows() - taken);
            self.write_block()?;
        }
        if rest.num_rows() > 0 {
            self.waiting_rows += rest.num_rows();
            self.waiting.push(rest);
        }
        Ok(())
    }

    fn write_block(&mut self) -> Result<()> {
        self.waiting_rows = 0;
        let waiting = std::mem::take(&mut self.waiting);
        let block = concat_batches(&self.schema, &waiting).map_err(|e| PartsError::bug(&self.target, e))?;
        self.writer.write(&block).map_err(|e| PartsError::parquet("write", &self.temporary, e, Code::Bug))
    }

    /// Writes the footer and makes the part durable under its name; one of that name is replaced.
    ///
    /// # Errors
    /// As the operating system says. The name then holds nothing, the former part, or (when only the directory could
    /// not be synced) this one: never anything in between.
    pub fn finish(mut self) -> Result<PartReceipt> {
        self.write_block()?;
        let finished = self.writer.finish();
        let metadata = finished.map_err(|e| PartsError::parquet("finish", &self.temporary, e, Code::Bug))?;
        let rows = u64::try_from(metadata.file_metadata().num_rows()).unwrap_or(0);
        let (bytes, sha256) = self.writer.inner_mut().commit(&self.target)?;
        Ok(PartReceipt { rows, bytes, sha256 })
    }
}
