//! Finished parts become one file: row groups are spliced as they are encoded, no page is decoded.

use crate::digest::{compare, read_footer};
use crate::error::{Code, PartsError, Result};
use crate::fs::FileSystem;
use crate::groups::checksums;
use crate::layout::{CREATED_BY, key_values};
use crate::part::PartReceipt;
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

/// Concatenates the row groups of `parts`, in order and as they are encoded, into the file `temporary`, which must not
/// exist, and makes it durable. The parts' key-value metadata is replaced by `metadata`; Arrow's own entry stays. One part
/// is open at a time. `observe` is told the rows done so far, after each part.
///
/// Every part is compared with its receipt before a byte of it is taken: what a crash, a disk or a person did to it since
/// it was finished never reaches the output.
///
/// # Errors
/// DATA, with the part's path, when a part is not what its receipt says or has another schema than the first; BUG when
/// there are no parts; what `observe` returns; otherwise as the operating system says. `temporary` is gone then.
pub fn stage_file(
    fs: &Arc<dyn FileSystem>,
    parts: &[StoredPart],
    temporary: &Path,
    metadata: &[(String, String)],
    observe: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<Staged> {
    let Some((first, rest)) = parts.split_first() else {
        return Err(PartsError::bug(temporary, "there are no parts to publish"));
    };
    let mut row_groups = Vec::new();
    let opened = Part::open(fs, first, &mut row_groups)?;
    let sink = Sink::create(Arc::clone(fs), temporary, true)?;
    let mut output = Output::begin(sink, &opened, metadata)?;
    output.append(&opened)?;
    let mut rows = first.receipt.rows;
    observe(rows)?;
    for part in rest {
        output.append(&Part::open(fs, part, &mut row_groups)?)?;
        rows += part.receipt.rows;
        observe(rows)?;
    }
    let finished = output.writer.finish();
    let finished = finished.map_err(|e| PartsError::parquet("finish", temporary, e, Code::Bug))?;
    let rows = u64::try_from(finished.file_metadata().num_rows()).unwrap_or(0);
    let (bytes, sha256) = output.writer.inner_mut().stage()?;
    Ok(Staged { receipt: PartReceipt { rows, bytes, sha256 }, row_groups })
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
    fn open(fs: &Arc<dyn FileSystem>, stored: &'a StoredPart, row_groups: &mut Vec<u32>) -> Result<Self> {
        let path = stored.path.as_path();
        let mut file = fs.open(path).map_err(|e| PartsError::read("open", path, e))?;
        compare(path, &mut file, &stored.receipt)?;
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

    fn append(&mut self, part: &Part<'_>) -> Result<()> {
        let schema = part.metadata.file_metadata().schema_descr();
        if self.writer.schema_descr() != schema || self.arrow != part.arrow {
            let reason = format_args!("its schema is not that of {}", self.first.display());
            return Err(PartsError::data(part.path, reason));
        }
        self.splice(part).map_err(|error| {
            // Our own side fails as an I/O error that the sink remembers; all else is the part's fault.
            match self.writer.inner_mut().take_failure() {
                Some(failure) => PartsError::io("write", &self.temporary, failure),
                None => PartsError::parquet("append", part.path, error, Code::Data),
            }
        })
    }

    fn splice(&mut self, part: &Part<'_>) -> Result<(), ParquetError> {
        for (index, group) in part.metadata.row_groups().iter().enumerate() {
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
        }
        Ok(())
    }
}
