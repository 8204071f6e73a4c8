//! The footer, read for one thing: where the columns of the wanted row groups lie.

use super::fault::Fault;
use super::stretch::Stretch;
use super::thrift::{self, Fields, Kind, structure, structures};
use crate::error::{PartsError, Result};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

/// The magic at the beginning.
const HEAD_BYTES: u64 = 4;
/// The footer's length and the magic at the end.
const TAIL_BYTES: u64 = 8;
const MAGIC: [u8; 4] = *b"PAR1";
/// Of a column's name that much is kept, for messages.
const NAME_BYTES_MAX: usize = 256;
/// Of what a walk reads of it at a time.
pub(super) const BUFFER_BYTES: usize = 1 << 14;

/// One column of one row group.
#[derive(Default)]
pub(super) struct ColumnChunk {
    /// The steps of its path, joined with dots.
    pub(super) name: String,
    /// How much of that is the first step: the column of the table.
    pub(super) root: usize,
    pub(super) start: u64,
    pub(super) length: u64,
    /// What it takes decompressed.
    pub(super) unpacked: u64,
    /// Values of all its data pages, nulls too.
    pub(super) values: u64,
    /// Numbers of the format: its physical type, its codec.
    pub(super) physical: i64,
    pub(super) codec: i64,
    /// Bytes of all its texts, each as often as it occurs, where the writer says.
    pub(super) text: Option<u64>,
}

impl ColumnChunk {
    /// Where it lies, which must be before the footer.
    pub(super) fn place(&self, pages_end: u64) -> Result<Range<u64>, Fault> {
        let end = self.start.checked_add(self.length);
        match end.filter(|end| self.start >= HEAD_BYTES && *end <= pages_end) {
            Some(end) => Ok(self.start..end),
            None => Err(Fault::malformed("places a column outside of the file")),
        }
    }
}

/// The file, and where its footer lies.
pub(super) fn open(path: &Path) -> Result<(File, Range<u64>)> {
    let (mut file, bytes) = open_regular(path)?;
    let place = locate(path, &mut file, bytes)?;
    Ok((file, place))
}

/// Opens a file for reading if it is a regular one, and never waits for whoever is to write into a pipe.
fn open_regular(path: &Path) -> Result<(File, u64)> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    let file = options.open(path).map_err(|e| PartsError::read("open", path, e))?;
    let facts = file.metadata().map_err(|e| PartsError::read("stat", path, e))?;
    if facts.is_file() { Ok((file, facts.len())) } else { Err(PartsError::data(path, "it is not a regular file")) }
}

/// Where the footer of the Parquet file `file` of `bytes` bytes lies.
fn locate(path: &Path, file: &mut File, bytes: u64) -> Result<Range<u64>> {
    let end = bytes.checked_sub(TAIL_BYTES).filter(|end| *end >= HEAD_BYTES);
    let end = end.ok_or_else(|| PartsError::data(path, format_args!("not a Parquet file: it has {bytes} bytes")))?;
    let mut tail = [0; 8];
    let read = file.seek(SeekFrom::Start(end)).and_then(|_| file.read_exact(&mut tail));
    read.map_err(|e| PartsError::read("read the footer of", path, e))?;
    let [a, b, c, d, magic @ ..] = tail;
    if magic != MAGIC {
        return Err(PartsError::data(path, "not a Parquet file, or cut short: it does not end with PAR1"));
    }
    let length = u64::from(u32::from_le_bytes([a, b, c, d]));
    match end.checked_sub(length) {
        Some(start) if start >= HEAD_BYTES && length > 0 => Ok(start..end),
        _ => {
            let reason = format_args!("damaged footer: it claims {length} bytes in a file of {bytes}");
            Err(PartsError::data(path, reason))
        }
    }
}

/// Who is told of the wanted row groups.
pub(super) trait Visitor {
    fn column(&mut self, row_group: u64, column: &ColumnChunk) -> Result<(), Fault>;
    fn end_row_group(&mut self);
}

/// Takes `visitor` to every column of the wanted row groups, in the order of the footer.
pub(super) fn walk(bytes: &mut Stretch<'_>, first: u64, rows: &[u64], visitor: &mut impl Visitor) -> Result<(), Fault> {
    let mut found = 0;
    let mut fields = Fields::default();
    while let Some((id, kind)) = fields.next(bytes)? {
        if id != 4 {
            thrift::skip(bytes, kind)?;
            continue;
        }
        for group in 0..structures(bytes, kind)? {
            let place = group.checked_sub(first).and_then(|place| usize::try_from(place).ok());
            let planned = place.and_then(|place| rows.get(place)).copied();
            row_group(bytes, group, planned, visitor)?;
            found += usize::from(planned.is_some());
        }
    }
    if found == rows.len() { Ok(()) } else { Err(Fault::malformed("has other row groups than were planned")) }
}

/// Reads one row group; `planned` are the rows it should have, where it is wanted.
fn row_group(
    bytes: &mut Stretch<'_>,
    group: u64,
    planned: Option<u64>,
    visitor: &mut impl Visitor,
) -> Result<(), Fault> {
    let wanted = planned.is_some_and(|rows| rows > 0);
    let mut rows = 0;
    let mut fields = Fields::default();
    while let Some((id, kind)) = fields.next(bytes)? {
        match id {
            1 if wanted => {
                for _ in 0..structures(bytes, kind)? {
                    let column = column_chunk(bytes)?;
                    visitor.column(group, &column)?;
                }
            }
            3 => rows = thrift::count(bytes, kind)?,
            _ => thrift::skip(bytes, kind)?,
        }
    }
    if planned.is_some_and(|planned| planned != rows) {
        return Err(Fault::malformed("has other row groups than were planned"));
    }
    if wanted {
        visitor.end_row_group();
    }
    Ok(())
}

fn column_chunk(bytes: &mut Stretch<'_>) -> Result<ColumnChunk, Fault> {
    let mut column = None;
    let mut fields = Fields::default();
    while let Some((id, kind)) = fields.next(bytes)? {
        match id {
            1 if thrift::has_text(bytes, kind)? => return Err(Fault::malformed("places a column in another file")),
            1 => {}
            3 => column = Some(column_metadata(bytes, kind)?),
            _ => thrift::skip(bytes, kind)?,
        }
    }
    column.ok_or(Fault::malformed("does not say where a column lies"))
}

fn column_metadata(bytes: &mut Stretch<'_>, kind: Kind) -> Result<ColumnChunk, Fault> {
    let mut column = ColumnChunk::default();
    let mut dictionary = 0;
    let mut fields = structure(kind)?;
    while let Some((id, kind)) = fields.next(bytes)? {
        match id {
            1 => column.physical = thrift::number(bytes, kind)?,
            3 => (column.name, column.root) = dotted(bytes, kind)?,
            4 => column.codec = thrift::number(bytes, kind)?,
            5 => column.values = thrift::count(bytes, kind)?,
            6 => column.unpacked = thrift::count(bytes, kind)?,
            7 => column.length = thrift::count(bytes, kind)?,
            9 => column.start = thrift::count(bytes, kind)?,
            11 => dictionary = thrift::count(bytes, kind)?,
            16 => column.text = first_count(bytes, structure(kind)?)?,
            _ => thrift::skip(bytes, kind)?,
        }
    }
    // Some writers put 0 where there is no dictionary page.
    if dictionary > 0 {
        column.start = column.start.min(dictionary);
    }
    Ok(column)
}

/// The count that is a structure's first field.
pub(super) fn first_count(bytes: &mut Stretch<'_>, mut fields: Fields) -> Result<Option<u64>, Fault> {
    let mut first = None;
    while let Some((id, kind)) = fields.next(bytes)? {
        match id {
            1 => first = Some(thrift::count(bytes, kind)?),
            _ => thrift::skip(bytes, kind)?,
        }
    }
    Ok(first)
}

/// The steps of a column's path, joined, and the length of the first.
fn dotted(bytes: &mut Stretch<'_>, kind: Kind) -> Result<(String, usize), Fault> {
    let (mut name, mut root) = (Vec::new(), String::new());
    for step in 0..thrift::texts(bytes, kind)? {
        if step == 1 {
            root = String::from_utf8_lossy(&name).into_owned();
        }
        if step > 0 && name.len() < NAME_BYTES_MAX {
            name.push(b'.');
        }
        thrift::text(bytes, &mut name, NAME_BYTES_MAX)?;
    }
    let name = String::from_utf8_lossy(&name).into_owned();
    let root = if root.is_empty() { name.len() } else { root.len() };
    Ok((name, root))
}
