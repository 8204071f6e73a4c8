//! The bytes of a source, checked without decoding them: a digest of each row group, and the checksums of its pages.
//!
//! DuckDB does not look at page checksums, and a flipped bit in a page of numbers is another number. So where it is
//! asked for, the row groups of a chunk are read once more, front to back through one buffer, by a walk that knows just
//! enough of Parquet to find them:
//!
//! ```text
//! for each column of each wanted row group, as the footer lists them
//!     hash the column's bytes into the row group's SHA-256
//!     for each page in them
//!         read its header; if it has a CRC-32, compare it with that of the bytes that follow
//! ```
//!
//! Nothing is kept of what was read, so memory does not grow with the file, its footer or its pages; and what a
//! stranger's header declares is only ever compared with the bytes that are there.
//!
//! What a footer declares of the whole file is read by `facts`, from bytes in memory.

pub(crate) mod bytes;
mod cell;
mod element;
mod extent;
mod facts;
pub(crate) mod fault;
mod footer;
mod form;
mod kept_sizes;
mod page_sizes;
mod pages;
mod receipt;
mod row_group;
mod schema;
mod stretch;
pub(crate) mod thrift;
mod types;

use crate::digest::hex;
use fault::Fault;
use footer::{ColumnChunk, Visitor};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::ops::ControlFlow;
use std::path::Path;
use stretch::Stretch;

pub use extent::Extent;
pub use facts::{FooterFacts, footer_facts};
pub use fault::{Damage, SourceError};
pub use kept_sizes::{KeptSize, kept_sizes};
pub use page_sizes::{ColumnPages, page_sizes};
pub use receipt::{RowGroupDigest, SourceReceipt};
pub use row_group::FooterRowGroup;
pub use schema::FooterColumn;
pub use types::MisreadDecimal;

/// Large enough that reads are few, small enough that the bytes are still in the cache when they are hashed.
const PAGES_BUFFER_BYTES: usize = 1 << 18;

/// Reads the row groups of `path` from number `first` on, one for each entry of `rows` (what the plan says they hold);
/// those without rows are passed over. `continues` is asked before each read of the file.
///
/// # Errors
/// [`SourceError::Damage`] for the first page that is not what its header says or cannot be found; DATA when the path is
/// no regular file, or its footer is damaged or not the one that was planned from; otherwise as the operating system
/// says.
pub fn verify_row_groups(
    path: &Path,
    first: u64,
    rows: &[u64],
    mut continues: impl FnMut() -> ControlFlow<()>,
) -> Result<SourceReceipt, SourceError> {
    let (file, place) = footer::open(path).map_err(SourceError::File)?;
    let pages_end = place.start;
    let mut walk = Walk {
        path,
        file: &file,
        pages_end,
        buffer: vec![0; PAGES_BUFFER_BYTES],
        continues: &mut continues,
        hash: Sha256::new(),
        bytes: 0,
        receipt: SourceReceipt::default(),
    };
    let mut buffer = vec![0; footer::BUFFER_BYTES];
    let mut footer = Stretch::new(path, &file, place, &mut buffer);
    footer::walk(&mut footer, first, rows, &mut walk).map_err(|fault| fault.of_footer(path))?;
    Ok(walk.receipt)
}

/// What is done with the row groups as the footer tells of them.
struct Walk<'a> {
    path: &'a Path,
    file: &'a File,
    pages_end: u64,
    buffer: Vec<u8>,
    continues: &'a mut dyn FnMut() -> ControlFlow<()>,
    /// Of the row group at hand.
    hash: Sha256,
    bytes: u64,
    receipt: SourceReceipt,
}

impl Visitor for Walk<'_> {
    fn column(&mut self, row_group: u64, column: &ColumnChunk) -> Result<(), Fault> {
        let place = column.place(self.pages_end)?;
        self.bytes += column.length;
        // Also what keeps a hostile footer from having one stretch of the file read a million times.
        if self.bytes > self.pages_end {
            return Err(Fault::malformed("has columns of one row group overlap"));
        }
        let (hash, continues) = (&mut self.hash, &mut *self.continues);
        let mut seen = |bytes: &[u8]| {
            hash.update(bytes);
            if continues().is_break() { Err(Fault::Source(Box::new(SourceError::Stopped))) } else { Ok(()) }
        };
        let mut stretch = Stretch::new(self.path, self.file, place, &mut self.buffer).watched(&mut seen);
        pages::check(&mut stretch, column.values, &mut self.receipt).map_err(|(page, offset, fault)| match fault {
            Fault::Malformed(what) => {
                let what = format!("it {what}");
                let column = column.name.clone();
                Fault::Source(Box::new(SourceError::Damage(Damage { row_group, column, page, offset, what })))
            }
            fault @ Fault::Source(_) => fault,
        })
    }

    fn end_row_group(&mut self) {
        let sha256 = hex(&std::mem::take(&mut self.hash).finalize());
        self.receipt.row_groups.push(RowGroupDigest { sha256, bytes: std::mem::take(&mut self.bytes) });
    }
}
