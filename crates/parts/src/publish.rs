//! Finished parts become one file: row groups are spliced as they are encoded, no page is decoded.

use crate::digest::{compare, read_footer};
use crate::error::{Code, PartsError, Result};
use crate::fs::FileSystem;
use crate::groups::checksums;
use crate::layout::{CREATED_BY, key_values};
use crate::receipt::PartReceipt;
use crate::sink::Sink;
use parquet::arrow::ARROW_SCHEMA_META_KEY;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A finished part and what the checkpoint knows of it.
#[derive(Clone, Debug)]
pub struct StoredPart {
    /// Where it lies.
    pub path: PathBuf,
    /// What it must be.
    pub receipt: PartReceipt,
}

/// A whole output under its temporary name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staged {
    /// Rows, bytes and digest.
    pub receipt: PartReceipt,
    /// CRC-32 of each row group's pages: the digest says that a file is damaged, these say where.
    pub row_groups: Vec<u32>,
}

/// An output on its way to its temporary name: the row groups of finished parts one after the other, as they are encoded.
///
/// A call takes it and gives it back only when it succeeded: what failed half-way cannot be gone on with, and its temporary
/// is gone. One part is open at a time, and of it no more is held than its footer and a buffer.
#[derive(Debug)]
pub struct Stager {
    fs: Arc<dyn FileSystem>,
    temporary: PathBuf,
    metadata: Vec<(String, String)>,
    /// Begun by the first part, whose schema it has.
    output: Option<Output>,
    row_groups: Vec<u32>,
    rows: u64,
}

impl Stager {
    /// An output that is to lie at `temporary`, where nothing must be when the first part comes. The parts' key-value metadata
    /// is replaced by `metadata`; Arrow's own entry stays.
    #[must_use]
    pub fn new(fs: &Arc<dyn FileSystem>, temporary: &Path, metadata: &[(String, String)]) -> Self {
        let (fs, temporary, metadata) = (Arc::clone(fs), temporary.into(), metadata.into());
        Self { fs, temporary, metadata, output: None, row_groups: Vec::new(), rows: 0 }
    }

    /// Adds the row groups of `stored`. `observe` is told the rows of whole parts, again and again.
    ///
    /// The part is compared with its receipt before a byte of it is taken: what a crash, a disk or a person did to it since it
    /// was finished never reaches the output.
    ///
    /// # Errors
    /// DATA, with the part's path, when it is not what its receipt says or has another schema than the first; what `observe`
    /// returns; otherwise as the operating system says.
    pub fn append(mut self, stored: &StoredPart, observe: &mut dyn FnMut(u64) -> Result<()>) -> Result<Self> {
        let part = Part::open(&self.fs, stored, &mut self.row_groups, &mut |_| observe(self.rows))?;
        let output = match &mut self.output {
            Some(output) => output,
            none => {
                let sink = Sink::create(Arc::clone(&self.fs), &self.temporary, true)?;
                none.insert(Output::begin(sink, &part, &self.metadata)?)
            }
        };
        output.append(&part, &mut || observe(self.rows))?;
        self.rows += stored.receipt.rows;
        observe(self.rows)?;
        Ok(self)
    }

    /// Writes the footer and makes the output durable.
    ///
    /// # Errors
    /// BUG when there was no part; otherwise as the operating system says.
    pub fn finish(self) -> Result<Staged> {
        let Self { temporary, output, row_groups, .. } = self;
        let mut output = output.ok_or_else(|| PartsError::bug(&temporary, "there are no parts to publish"))?;
        let finished = output.writer.finish();
        let finished = finished.map_err(|e| PartsError::parquet("finish", &temporary, e, Code::Bug))?;
        let rows = u64::try_from(finished.file_metadata().num_rows()).unwrap_or(0);
        let (bytes, sha256) = output.writer.inner_mut().stage()?;
        Ok(Staged { receipt: PartReceipt { rows, bytes, sha256 }, row_groups })
    }
}

/// A part being read.
struct Part<'a> {
    path: &'a Path,
    file: File,
    metadata: ParquetMetaData,
    /// What Arrow readers restore their own types from.
    arrow: Option<KeyValue>,
}

impl<'a> Part<'a> {
    /// Opens a part that is what its receipt says, and adds the checksums of its row groups to `row_groups`.
    fn open(
        fs: &Arc<dyn FileSystem>,
        stored: &'a StoredPart,
        row_groups: &mut Vec<u32>,
        observe: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<Self> {
        let path = stored.path.as_path();
        let mut file = fs.open(path).map_err(|e| PartsError::read("open", path, e))?;
        compare(path, &mut file, &stored.receipt, observe)?;
        let (footer, _) = read_footer(path, &mut file)?;
        row_groups.extend(checksums(path, &mut file, &footer)?);
        let mut reader =
            ParquetMetaDataReader::new_with_metadata(footer).with_page_index_policy(PageIndexPolicy::Optional);
        let indexes = reader.read_page_indexes(&file).and_then(|()| reader.finish());
        let metadata = indexes.map_err(|e| PartsError::parquet("read the page index of", path, e, Code::Data))?;
        let mut pairs = metadata.file_metadata().key_value_metadata().into_iter().flatten();
        let arrow = pairs.find(|pair| pair.key == ARROW_SCHEMA_META_KEY).cloned();
        Ok(Self { path, file, metadata, arrow })
    }
}

#[derive(Debug)]
struct Output {
    writer: SerializedFileWriter<Sink>,
    first: PathBuf,
    arrow: Option<KeyValue>,
    temporary: PathBuf,
}

impl Output {
    /// Begins a file of the schema of `part`.
    fn begin(sink: Sink, part: &Part<'_>, metadata: &[(String, String)]) -> Result<Self> {
        let temporary = sink.path().to_path_buf();
        let schema = part.metadata.file_metadata().schema_descr().root_schema_ptr();
        let properties = WriterProperties::builder().set_created_by(CREATED_BY.into()).build();
        let mut writer = SerializedFileWriter::new(sink, schema, Arc::new(properties))
            .map_err(|e| PartsError::parquet("begin", &temporary, e, Code::Bug))?;
        for pair in part.arrow.iter().cloned().chain(key_values(metadata)) {
            writer.append_key_value_metadata(pair);
        }
        Ok(Self { writer, first: part.path.into(), arrow: part.arrow.clone(), temporary })
    }

    fn append(&mut self, part: &Part<'_>, check: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        let schema = part.metadata.file_metadata().schema_descr();
        if self.writer.schema_descr() != schema || self.arrow != part.arrow {
            let reason = format_args!("its schema is not that of {}", self.first.display());
            return Err(PartsError::data(part.path, reason));
        }
        for index in 0..part.metadata.num_row_groups() {
            check()?;
            self.splice(part, index).map_err(|error| {
                // Our own side fails as an I/O error that the sink remembers; all else is the part's fault.
                match self.writer.inner_mut().take_failure() {
                    Some(failure) => PartsError::io("write", &self.temporary, failure),
                    None => PartsError::parquet("append", part.path, error, Code::Data),
                }
            })?;
        }
        Ok(())
    }

    fn splice(&mut self, part: &Part<'_>, index: usize) -> Result<(), ParquetError> {
        let group = part.metadata.row_group(index);
        let mut out = self.writer.next_row_group()?;
        for (place, column) in group.columns().iter().enumerate() {
            let pages = part.metadata.page_index();
            let close = ColumnCloseResult {
                bytes_written: u64::try_from(column.compressed_size())?,
                rows_written: u64::try_from(group.num_rows())?,
                metadata: column.clone(),
                bloom_filter: None,
                column_index: pages.and_then(|pages| pages.column_index(index, place)).cloned(),
                offset_index: pages.and_then(|pages| pages.offset_index(index, place)).cloned(),
            };
            out.append_column(&part.file, close)?;
        }
        out.close()?;
        Ok(())
    }
}
