//! Finished parts become the output: one file, or a directory that says when it is whole.

use crate::digest::{digest, read_footer};
use crate::durable::write_durable;
use crate::error::{At, Code, PartsError, Result};
use crate::fs::{FileSystem, create_directories, parent};
use crate::layout::{CREATED_BY, key_values};
use crate::part::PartReceipt;
use crate::sink::Sink;
use parquet::arrow::ARROW_SCHEMA_META_KEY;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, PageIndexPolicy, ParquetMetaDataReader};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Concatenates the row groups of `parts`, in order and as they are encoded, into one file: `temporary`, then `target`
/// (of the same directory, so that the name changes in one step). The key-value metadata of the parts is replaced.
///
/// # Errors
/// DATA when a part is damaged or has another schema than the first, BUG when there are no parts.
pub fn publish_file(
    fs: &Arc<dyn FileSystem>,
    parts: &[PathBuf],
    target: &Path,
    temporary: &Path,
    metadata: &[(String, String)],
) -> Result<PartReceipt> {
    if parent(target) != parent(temporary) {
        return Err(PartsError::bug(target, format_args!("{} lies in another directory", temporary.display())));
    }
    // A publish that was killed left it; the job's lock says that nobody is writing it now.
    match fs.remove_file(temporary) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).at("remove", temporary),
        _ => {}
    }
    let mut sink = Some(Sink::create(Arc::clone(fs), temporary, true)?);
    let mut output: Option<Output> = None;
    for part in parts {
        let mut file = fs.open(part).map_err(|e| PartsError::read("open", part, e))?;
        read_footer(part, &mut file)?;
        let parsed = ParquetMetaDataReader::new()
            .with_page_index_policy(PageIndexPolicy::Optional)
            .parse_and_finish(&file)
            .map_err(|e| PartsError::parquet("read", part, e, Code::Data))?;
        let arrow = parsed.file_metadata().key_value_metadata().into_iter().flatten();
        let arrow = arrow.filter(|pair| pair.key == ARROW_SCHEMA_META_KEY).cloned().collect::<Vec<_>>();
        if let Some(sink) = sink.take() {
            let schema = parsed.file_metadata().schema_descr().root_schema_ptr();
            let properties = WriterProperties::builder().set_created_by(CREATED_BY.into()).build();
            let mut writer = SerializedFileWriter::new(sink, schema, Arc::new(properties))
                .map_err(|e| PartsError::parquet("begin", temporary, e, Code::Bug))?;
            arrow.iter().cloned().chain(key_values(metadata)).for_each(|pair| writer.append_key_value_metadata(pair));
            output = Some(Output { writer, arrow: arrow.clone() });
        }
        let Some(output) = &mut output else { continue };
        if output.arrow != arrow || output.writer.schema_descr() != parsed.file_metadata().schema_descr() {
            return Err(PartsError::data(part, format_args!("its schema is not that of {}", parts[0].display())));
        }
        for (index, group) in parsed.row_groups().iter().enumerate() {
            let mut splice = || {
                let mut out = output.writer.next_row_group()?;
                for (place, column) in group.columns().iter().enumerate() {
                    let pages = parsed.page_index();
                    let close = ColumnCloseResult {
                        bytes_written: u64::try_from(column.compressed_size())?,
                        rows_written: u64::try_from(group.num_rows())?,
                        metadata: column.clone(),
                        bloom_filter: None,
                        column_index: pages.and_then(|p| p.column_index(index, place)).cloned(),
                        offset_index: pages.and_then(|p| p.offset_index(index, place)).cloned(),
                    };
                    out.append_column(&file, close)?;
                }
                out.close()?;
                Ok::<_, ParquetError>(())
            };
            splice().map_err(|e| PartsError::parquet("append", part, e, Code::Data))?;
        }
    }
    let Some(Output { mut writer, .. }) = output else { return Err(PartsError::bug(target, "no parts to publish")) };
    let finished = writer.finish().map_err(|e| PartsError::parquet("finish", temporary, e, Code::Bug))?;
    let rows = u64::try_from(finished.file_metadata().num_rows()).unwrap_or(0);
    let (bytes, sha256) = writer.inner_mut().commit(target)?;
    Ok(PartReceipt { rows, bytes, sha256 })
}

struct Output {
    writer: SerializedFileWriter<Sink>,
    arrow: Vec<KeyValue>,
}

/// A finished part on its way into a published directory.
#[derive(Clone, Debug)]
pub struct DirectoryPart {
    /// Where it lies.
    pub source: PathBuf,
    /// Its name in the directory.
    pub name: String,
    /// What the checkpoint knows of it.
    pub receipt: PartReceipt,
}

/// Publishes `parts` as a directory: the parts, then `manifest.json`, then `_SUCCESS`, each durable before the next.
/// Parts stay where they are, too. Returns the other files found there: they are reported, never removed.
///
/// # Errors
/// DATA when a part is not what its receipt says; otherwise as the operating system says.
pub fn publish_directory(
    fs: &Arc<dyn FileSystem>,
    parts: &[DirectoryPart],
    directory: &Path,
    manifest: &[u8],
) -> Result<Vec<PathBuf>> {
    let _ = (fs, parts, directory, manifest, digest as fn(&Path) -> Result<String>);
    create_directories(fs.as_ref(), directory, true)?;
    write_durable(fs, &directory.join("manifest.json"), manifest)?;
    write_durable(fs, &directory.join("_SUCCESS"), b"")?;
    Ok(Vec::new())
}
