//! The pages of one column in one row group: their headers, and their checksums where they have any.

use super::bytes::Bytes;
use super::fault::Fault;
use super::footer::first_count;
use super::receipt::SourceReceipt;
use super::stretch::Stretch;
use super::thrift::{self, Fields, structure};

/// Versions of parquet-mr before 1.2.9 leave the header of the dictionary page out of a column's length (PARQUET-816):
/// its last page ends so much later. They write no checksums.
const LEFT_OUT_MAX: u64 = 100;

/// Walks the pages in `bytes` until they hold `values` values; what follows is read but not looked at. A fault comes
/// with the number of its page and where that begins.
pub(super) fn check(
    bytes: &mut Stretch<'_>,
    values: u64,
    receipt: &mut SourceReceipt,
) -> Result<(), (u64, u64, Fault)> {
    let (mut seen, mut page) = (0_u64, 0);
    while seen < values {
        let offset = bytes.position();
        let held = check_page(bytes, receipt).map_err(|fault| (page, offset, fault))?;
        // A page that nothing is left of was the last one, whatever was counted.
        seen = held.map_or(values, |held| seen.saturating_add(held));
        page += 1;
    }
    let rest = bytes.left();
    bytes.skip(rest).map_err(|fault| (page, bytes.position(), fault))
}

/// Reads one page and says how many values it holds; `None` when its end is the column's although it declares more.
fn check_page(bytes: &mut Stretch<'_>, receipt: &mut SourceReceipt) -> Result<Option<u64>, Fault> {
    if bytes.left() == 0 {
        return Err(Fault::malformed("is missing: the column ends before its last value"));
    }
    let header = PageHeader::read(bytes)?;
    let beyond = header.length.saturating_sub(bytes.left());
    if beyond > 0 && (header.checksum.is_some() || beyond > LEFT_OUT_MAX) {
        return Err(Fault::malformed("declares more bytes than its column has left"));
    }
    let mut hash = crc32fast::Hasher::new();
    match header.checksum {
        None => bytes.skip(header.length - beyond)?,
        Some(declared) => {
            bytes.take(header.length, |piece| hash.update(piece))?;
            let actual = hash.finalize();
            if actual != declared {
                let what = format!("has the CRC-32 {actual:08x}, and its header says {declared:08x}");
                return Err(Fault::Malformed(what.into()));
            }
            receipt.pages_with_checksum += 1;
        }
    }
    receipt.pages += 1;
    Ok((beyond == 0).then_some(header.values))
}

pub(super) struct PageHeader {
    /// Compressed bytes that follow it.
    pub(super) length: u64,
    /// What those are decompressed.
    pub(super) unpacked: u64,
    /// CRC-32 of those bytes.
    checksum: Option<u32>,
    /// Values in it: none in a dictionary page or one of an unknown type.
    pub(super) values: u64,
    /// Values of a dictionary page.
    pub(super) entries: u64,
}

impl PageHeader {
    pub(super) fn read(bytes: &mut Stretch<'_>) -> Result<Self, Fault> {
        let (mut kind_of_page, mut length, mut unpacked, mut checksum) = (None, None, 0, None);
        // Of a data page of version 1 and of version 2.
        let mut values = [None, None];
        let mut entries = None;
        let mut fields = Fields::default();
        while let Some((id, kind)) = fields.next(bytes)? {
            match id {
                1 => kind_of_page = Some(thrift::number(bytes, kind)?),
                2 => unpacked = thrift::count(bytes, kind)?,
                3 => length = Some(thrift::count(bytes, kind)?),
                4 => checksum = Some(as_bits(thrift::number(bytes, kind)?)?),
                5 => values[0] = first_count(bytes, structure(kind)?)?,
                7 => entries = first_count(bytes, structure(kind)?)?,
                8 => values[1] = first_count(bytes, structure(kind)?)?,
                _ => thrift::skip(bytes, kind)?,
            }
        }
        let values = match kind_of_page.ok_or(INCOMPLETE)? {
            0 => values[0].ok_or(INCOMPLETE)?,
            3 => values[1].ok_or(INCOMPLETE)?,
            _ => 0,
        };
        Ok(Self { length: length.ok_or(INCOMPLETE)?, unpacked, checksum, values, entries: entries.unwrap_or(0) })
    }
}

const INCOMPLETE: Fault = Fault::malformed("has a header that lacks what every header has");

/// A checksum, which the format stores as a signed number of 32 bits.
fn as_bits(number: i64) -> Result<u32, Fault> {
    let bits = i32::try_from(number).map(i32::cast_unsigned).or_else(|_| u32::try_from(number));
    bits.map_err(|_| Fault::malformed("has a checksum of more than 32 bits"))
}
