//! A finished part, opened.

use crate::digest::{compare, read_footer};
use crate::error::{self, Result};
use crate::fs::FileSystem;
use crate::receipt::PartReceipt;
use batch_core_error::Code;
use parquet::arrow::ARROW_SCHEMA_META_KEY;
use parquet::file::metadata::{KeyValue, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
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

/// A part being read.
pub(super) struct Part<'a> {
    pub(super) path: &'a Path,
    pub(super) file: File,
    pub(super) metadata: ParquetMetaData,
    /// What Arrow readers restore their own types from.
    pub(super) arrow: Option<KeyValue>,
}

impl<'a> Part<'a> {
    /// Opens a part that is what its receipt says.
    pub(super) fn open(
        fs: &Arc<dyn FileSystem>,
        stored: &'a StoredPart,
        observe: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<Self> {
        let path = stored.path.as_path();
        let mut file = fs.open(path).map_err(|e| error::read("open", path, e))?;
        compare(path, &mut file, &stored.receipt, observe)?;
        let (footer, _) = read_footer(path, &mut file)?;
        let mut reader =
            ParquetMetaDataReader::new_with_metadata(footer).with_page_index_policy(PageIndexPolicy::Optional);
        let indexes = reader.read_page_indexes(&file).and_then(|()| reader.finish());
        let metadata = indexes.map_err(|e| error::parquet("read the page index of", path, e, Code::Data))?;
        let mut pairs = metadata.file_metadata().key_value_metadata().into_iter().flatten();
        let arrow = pairs.find(|pair| pair.key == ARROW_SCHEMA_META_KEY).cloned();
        Ok(Self { path, file, metadata, arrow })
    }
}
