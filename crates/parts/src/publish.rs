//! Finished parts become one file: row groups are spliced as they are encoded, no page is decoded.

use crate::digest::read_footer;
use crate::error::{At, Code, PartsError, Result};
use crate::fs::{FileSystem, parent};
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
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Concatenates the row groups of `parts`, in order and as they are encoded, into one file: `temporary`, then `target`
/// (in the same directory, so that the name changes in one step). The parts' key-value metadata is replaced by
/// `metadata`; Arrow's own entry stays. One part is open at a time.
///
/// # Errors
/// DATA when a part is damaged or has another schema than the first, BUG when there are no parts; otherwise as the
/// operating system says.
pub fn publish_file(
    fs: &Arc<dyn FileSystem>,
    parts: &[PathBuf],
    target: &Path,
    temporary: &Path,
    metadata: &[(String, String)],
) -> Result<PartReceipt> {
    let Some((first, rest)) = parts.split_first() else {
        return Err(PartsError::bug(target, "there are no parts to publish"));
    };
    if parent(target) != parent(temporary) || target == temporary {
        return Err(PartsError::bug(target, format_args!("{} is no temporary for it", temporary.display())));
    }
    // A publish that was killed left it; the job's lock says that nobody is writing it now.
    match fs.remove_file(temporary) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).at("remove", temporary),
        _ => {}
    }
    let opened = Part::open(fs, first)?;
    let sink = Sink::create(Arc::clone(fs), temporary, true)?;
    let mut output = Output::begin(sink, &opened, metadata)?;
    output.append(&opened)?;
    for path in rest {
        output.append(&Part::open(fs, path)?)?;
    }
    let finished = output.writer.finish();
    let finished = finished.map_err(|e| PartsError::parquet("finish", temporary, e, Code::Bug))?;
    let rows = u64::try_from(finished.file_metadata().num_rows()).unwrap_or(0);
    let (bytes, sha256) = output.writer.inner_mut().commit(target)?;
    Ok(PartReceipt { rows, bytes, sha256 })
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
    fn open(fs: &Arc<dyn FileSystem>, path: &'a Path) -> Result<Self> {
        let mut file = fs.open(path).map_err(|e| PartsError::read("open", path, e))?;
        let (footer, _) = read_footer(path, &mut file)?;
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
