//! How large the values of columns are that are copied to the output: flat, as a scan and a writer hold them.
//!
//! A text in a dictionary is written once, and a scan makes as many copies of it as rows have it: a file of 200 KB may
//! unpack to gigabytes. What bounds a vector is the longest text of a dictionary, which only the dictionary tells.

use super::bytes::Bytes;
use super::fault::{Fault, SourceError};
use super::footer::{self, ColumnChunk, Visitor};
use super::pages::PageHeader;
use super::stretch::Stretch;
use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

/// Rows of a vector.
const VECTOR_ROWS: f64 = 2048.0;
/// A vector of text in no dictionary is taken for so many times the average one, and so is one of lists.
const UNEVEN: f64 = 2.0;
const UNEVEN_LISTS: f64 = 1.5;
/// DuckDB allocates lists in powers of two, and holds the half while it copies it.
const IN_LISTS: f64 = 2.0;
/// Text in no dictionary lies in its pages too, packed and unpacked, which a vector keeps.
const IN_PAGES: f64 = 2.0;
/// A dictionary is there packed too, while it is unpacked.
const PACKED: f64 = 0.5;
/// The longest of texts that are not looked at is taken for so many times the average one.
const LONGEST: f64 = 16.0;
/// What a text and a list take beside what is in them: DuckDB's entry of 16, Arrow's offset.
const TEXT_BYTES: f64 = 20.0;
const NUMBER_BYTES: f64 = 8.0;
const LIST_BYTES: f64 = 20.0;
/// A dictionary whose bound for a vector is no more is not looked at.
const HARMLESS_BYTES: f64 = (1 << 20) as f64;
/// The row groups that are written, and the dictionary after which texts are written as they are.
const OUTPUT_ROWS: f64 = 122_880.0;
const OUTPUT_DICTIONARY_BYTES: f64 = (1 << 20) as f64;

/// Physical types of the format.
const BOOLEAN_TO_DOUBLE: std::ops::RangeInclusive<i64> = 0..=5;
const FIXED_LENGTH: i64 = 7;

/// How large a column's values are, over all row groups of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptSize {
    /// The column of the table.
    pub column: String,
    /// Columns of the file that it is made of.
    pub leaves: u64,
    /// Bytes of the largest vector of 2,048 rows, at most as far as its dictionaries tell.
    pub vector: f64,
    /// Bytes that a row takes in the output before it is compressed, on average over the row group where that is most.
    pub row: f64,
}

/// The sizes of `columns` in the file whose row groups have `rows` rows. Of their dictionaries `look` bytes are looked at.
///
/// # Errors
/// DATA when the footer or a header cannot be read; otherwise as the operating system says.
pub fn kept_sizes(path: &Path, rows: &[u64], columns: &[String], look: u64) -> Result<Vec<KeptSize>, SourceError> {
    let (file, place) = footer::open(path).map_err(SourceError::File)?;
    let (filled, total) = (rows.iter().filter(|rows| **rows > 0).count(), rows.iter().sum::<u64>());
    let mut sizes = Sizes {
        path,
        file: &file,
        pages_end: place.start,
        rows,
        // An output's row group begins and ends within one of the source.
        met: (OUTPUT_ROWS.min(total as f64) * filled as f64 / (total as f64).max(1.0)).ceil() + 1.0,
        columns: columns.iter().map(|name| (name.as_str(), Leaves::new())).collect(),
        left: look,
    };
    let mut buffer = vec![0; footer::BUFFER_BYTES];
    let mut footer = Stretch::new(path, &file, place, &mut buffer);
    footer::walk(&mut footer, 0, rows, &mut sizes).map_err(|fault| fault.of_footer(path))?;
    let found = columns.iter().filter_map(|name| Some((name, sizes.columns.get(name.as_str())?)));
    let of = |leaves: &Leaves, size: fn(&Leaf) -> f64| leaves.values().map(size).sum();
    let size = |(column, leaves): (&String, &Leaves)| KeptSize {
        column: column.clone(),
        leaves: leaves.len() as u64,
        vector: of(leaves, |leaf| leaf.vector),
        row: of(leaves, |leaf| leaf.row),
    };
    Ok(found.filter(|(_, leaves)| !leaves.is_empty()).map(size).collect())
}

#[derive(Default)]
struct Leaf {
    vector: f64,
    row: f64,
    longest: u64,
}

/// The leaves of a column by their paths.
type Leaves = HashMap<String, Leaf>;

struct Sizes<'a> {
    path: &'a Path,
    file: &'a File,
    pages_end: u64,
    rows: &'a [u64],
    /// Row groups of the source that one of the output meets.
    met: f64,
    columns: HashMap<&'a str, Leaves>,
    /// Bytes of dictionaries that may still be looked at.
    left: u64,
}

impl Visitor for Sizes<'_> {
    fn column(&mut self, row_group: u64, column: &ColumnChunk) -> Result<(), Fault> {
        let Some(leaves) = self.columns.get_mut(&column.name[..column.root]) else { return Ok(()) };
        let leaf = leaves.entry(column.name.clone()).or_default();
        let rows = usize::try_from(row_group).ok().and_then(|at| self.rows.get(at)).map_or(1.0, |rows| *rows as f64);
        let values = column.values as f64;
        let uneven = if values > rows { UNEVEN_LISTS } else { 1.0 };
        let held = (uneven * values * (VECTOR_ROWS / rows)).min(values);
        // A struct's column is taken for a list's.
        let in_lists = column.name.len() > column.root;
        let (times, nested) = if in_lists { (IN_LISTS, LIST_BYTES * VECTOR_ROWS.min(rows)) } else { (1.0, 0.0) };
        let in_pages = if in_lists { 1.0 } else { IN_PAGES };
        if BOOLEAN_TO_DOUBLE.contains(&column.physical) {
            leaf.vector = leaf.vector.max(times * held * NUMBER_BYTES + nested);
            leaf.row = leaf.row.max(NUMBER_BYTES * values / rows);
            return Ok(());
        }
        let place = column.place(self.pages_end)?;
        let mut buffer = [0; 1 << 10];
        let mut stretch = Stretch::new(self.path, self.file, place, &mut buffer);
        let header = PageHeader::read(&mut stretch)?;
        // Of text in no dictionary; prefixes that are left out are told of where `text` is.
        let flat = column.text.map_or(column.unpacked as f64, |bytes| bytes as f64);
        let share = (UNEVEN * VECTOR_ROWS / rows).min(1.0);
        let (vector, row) = if header.values == 0 {
            let all = header.unpacked as f64;
            let mean = all / (header.entries as f64).max(1.0);
            if column.physical == FIXED_LENGTH {
                leaf.longest = header.unpacked / header.entries.max(1);
            } else if all * held <= HARMLESS_BYTES || header.unpacked <= leaf.longest {
                leaf.longest = leaf.longest.max(header.unpacked);
            } else if let Some(longest) = dictionary(&mut stretch, &header, column.codec, &mut self.left)? {
                leaf.longest = leaf.longest.max(longest);
            } else {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most a page's size")]
                let guessed = (LONGEST * mean).min(all) as u64;
                leaf.longest = leaf.longest.max(guessed);
            }
            // A dictionary that grew too large is followed by texts as they are.
            let plain = (column.unpacked as f64 - all).max(0.0) * share * in_pages;
            let most = column.text.map_or(f64::INFINITY, |bytes| bytes as f64);
            let dictionaries = self.met * all;
            let row = if dictionaries <= OUTPUT_DICTIONARY_BYTES {
                dictionaries / OUTPUT_ROWS.min(rows * self.met)
            } else {
                column.text.map_or(mean * values, |bytes| bytes as f64).max(column.unpacked as f64) / rows
            };
            ((held * leaf.longest as f64).min(most).max(plain) + plain / in_pages + PACKED * all, row)
        } else {
            (flat * share * in_pages, flat / rows)
        };
        leaf.vector = leaf.vector.max(times * (vector + held * TEXT_BYTES) + nested);
        leaf.row = leaf.row.max(row + 4.0 * values / rows);
        Ok(())
    }

    fn end_row_group(&mut self) {}
}

/// The longest text of a dictionary, whose page follows `header`; `None` when it is not looked at.
fn dictionary(bytes: &mut Stretch<'_>, header: &PageHeader, codec: i64, left: &mut u64) -> Result<Option<u64>, Fault> {
    if header.unpacked > *left || header.length > *left {
        return Ok(None);
    }
    *left -= header.unpacked.max(header.length);
    let room = usize::try_from(header.unpacked).unwrap_or(0);
    let mut packed = Vec::new();
    bytes.take(header.length, |piece| packed.extend_from_slice(piece))?;
    let page = match codec {
        0 => Some(packed),
        1 if snap::raw::decompress_len(&packed).is_ok_and(|length| length <= room) => {
            snap::raw::Decoder::new().decompress_vec(&packed).ok()
        }
        6 => zstd::bulk::decompress(&packed, room).ok(),
        _ => None,
    };
    Ok(page.map(|page| longest(&page)))
}

/// The longest of texts that are written one after the other, the length of each before it.
fn longest(mut page: &[u8]) -> u64 {
    let mut longest = 0;
    while let Some((length, rest)) = page.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*length);
        longest = longest.max(length.into());
        page = usize::try_from(length).ok().and_then(|length| rest.get(length..)).unwrap_or_default();
    }
    longest
}
