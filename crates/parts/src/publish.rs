//! Finished parts become one file: pages are copied as they are encoded, and of a row group only what the footer will say
//! of it is held, encoded too.

mod encoded;
mod footer;
mod output;
mod segments;
mod stored;

use crate::error::{self, Result};
use crate::fs::FileSystem;
use crate::receipt::PartReceipt;
use crate::sink::Sink;
use output::Output;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use stored::Part;

pub use stored::StoredPart;

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
/// is gone. One part is open at a time, and of it no more is held than its footer and a buffer; of those before it what the
/// output's footer will say of their row groups, as bytes.
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
        let part = Part::open(&self.fs, stored, &mut |_| observe(self.rows))?;
        let output = match &mut self.output {
            Some(output) => output,
            none => {
                let sink = Sink::create(Arc::clone(&self.fs), &self.temporary, true)?;
                none.insert(Output::begin(sink, &part)?)
            }
        };
        output.append(&part, &mut self.row_groups, &mut || observe(self.rows))?;
        self.rows += stored.receipt.rows;
        observe(self.rows)?;
        Ok(self)
    }

    /// Writes the footer and makes the output durable.
    ///
    /// # Errors
    /// BUG when there was no part; otherwise as the operating system says.
    pub fn finish(self) -> Result<Staged> {
        let Self { temporary, metadata, output, row_groups, .. } = self;
        let output = output.ok_or_else(|| error::bug(&temporary, "there are no parts to publish"))?;
        let receipt = output.finish(&metadata)?;
        Ok(Staged { receipt, row_groups })
    }
}
