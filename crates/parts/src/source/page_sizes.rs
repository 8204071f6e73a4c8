//! How large the pages of a row group are: what a scan of it has to hold, a page of each column at a time.
//!
//! The footer tells what a column takes as a whole. Writers differ in how they cut it: some make a page of it all, which
//! is decompressed at once, others pages of a megabyte.

use super::fault::{Fault, SourceError};
use super::footer::{self, ColumnChunk, Visitor};
use super::pages::PageHeader;
use super::stretch::Stretch;
use std::fs::File;
use std::path::Path;

/// A page header without long statistics is shorter.
const HEADER_BUFFER_BYTES: usize = 1 << 10;

/// The pages of one column (of one leaf of a nested column) in a row group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnPages {
    /// The column of the table.
    pub column: String,
    /// Bytes of its dictionary, and of its first data page, both decompressed: as its header says, but no more than the
    /// column takes as a whole in the footer.
    pub bytes: u64,
    /// Bytes of all its pages in the row group, decompressed, as the footer says.
    pub whole: u64,
}

/// The sizes of the first pages of every column in row group number `row_group`, which has `rows` rows. What headers say
/// is taken from them unchecked: it is good for an estimate.
///
/// # Errors
/// DATA when the footer or a header cannot be read; otherwise as the operating system says.
pub fn page_sizes(path: &Path, row_group: u64, rows: u64) -> Result<Vec<ColumnPages>, SourceError> {
    let (file, place) = footer::open(path).map_err(SourceError::File)?;
    let mut sizes = Sizes { path, file: &file, pages_end: place.start, found: Vec::new() };
    let mut buffer = vec![0; footer::BUFFER_BYTES];
    let mut footer = Stretch::new(path, &file, place, &mut buffer);
    footer::walk(&mut footer, row_group, &[rows], &mut sizes).map_err(|fault| fault.of_footer(path))?;
    Ok(sizes.found)
}

struct Sizes<'a> {
    path: &'a Path,
    file: &'a File,
    pages_end: u64,
    found: Vec<ColumnPages>,
}

impl Visitor for Sizes<'_> {
    fn column(&mut self, _: u64, column: &ColumnChunk) -> Result<(), Fault> {
        let mut place = column.place(self.pages_end)?;
        let mut bytes = 0_u64;
        while place.start < place.end {
            let mut buffer = [0; HEADER_BUFFER_BYTES];
            let mut stretch = Stretch::new(self.path, self.file, place.clone(), &mut buffer);
            let header = PageHeader::read(&mut stretch)?;
            bytes = bytes.saturating_add(header.unpacked);
            if header.values > 0 {
                break;
            }
            place.start = stretch.position().saturating_add(header.length);
        }
        let column_name = column.name[..column.root].to_owned();
        self.found.push(ColumnPages { column: column_name, bytes: bytes.min(column.unpacked), whole: column.unpacked });
        Ok(())
    }

    fn end_row_group(&mut self) {}
}
