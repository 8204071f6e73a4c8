//! A row group of a footer: the chunks of its columns, and whether what they declare can be true.

use super::extent::Statistics;
use super::fault::Fault;
use super::form::{self, Elements, Formal, Structure};
use super::schema::Leaf;

const HEAD_BYTES: f64 = 4.0;
/// An all-null column of 64 M rows takes some 60 bytes, about 2^20 rows a byte. Sixteen times that is not a real file.
const ROWS_PER_BYTE_MAX: f64 = (1 << 24) as f64;

/// One row group: its rows and the compressed bytes of all its columns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FooterRowGroup {
    /// Its rows.
    pub rows: f64,
    /// Compressed bytes of all its columns.
    pub bytes: f64,
}

/// One column of a row group, as it is declared.
#[derive(Clone, Copy, Default)]
struct Chunk<'a> {
    elsewhere: bool,
    values: f64,
    bytes: f64,
    start: f64,
    statistics: Statistics<'a>,
}

/// Reads row groups, one after the other.
#[derive(Default)]
pub(super) struct RowGroups<'a> {
    /// Where the file's data end.
    data_end: f64,
    /// Of the row group at hand: as many as there are leaves, at most, and how many it declares.
    chunks: Vec<Chunk<'a>>,
    declared: u64,
}

impl<'a> RowGroups<'a> {
    pub(super) fn new(data_end: f64) -> Self {
        Self { data_end, ..Self::default() }
    }

    /// Reads number `index` of them, and adds what it claims to the extents of `leaves`.
    pub(super) fn read(
        &mut self,
        footer: &mut Formal<'a>,
        leaves: &mut [Leaf],
        index: u64,
    ) -> Result<FooterRowGroup, Fault> {
        let rows = self.read_chunks(footer, leaves)?;
        let bytes = self.check(rows, leaves);
        let bytes =
            bytes.map_err(|what| Fault::Malformed(format!("is not plausible: row group {index} {what}").into()))?;
        for (chunk, leaf) in self.chunks.iter().zip(leaves) {
            if let Some(extent) = &mut leaf.extent {
                extent.add(&chunk.statistics, rows);
            }
        }
        Ok(FooterRowGroup { rows, bytes })
    }

    /// Reads the chunks, and how many rows they are of.
    fn read_chunks(&mut self, footer: &mut Formal<'a>, leaves: &[Leaf]) -> Result<f64, Fault> {
        let mut rows = 0.0;
        self.chunks.clear();
        self.declared = 0;
        let mut group = Formal::element(&form::ROW_GROUP);
        while let Some((id, kind)) = footer.next(&mut group)? {
            match id {
                1 => {
                    for _ in 0..footer.structures(kind)? {
                        let leaf = leaves.get(self.chunks.len());
                        let chunk = read_chunk(footer, leaf)?;
                        self.chunks.extend(leaf.map(|_| chunk));
                        self.declared += 1;
                    }
                }
                3 => rows = form::double(footer.number(kind)?),
                4 => footer.pass_list(kind, &Elements::Structures(&form::SORTING))?,
                _ => footer.skip(kind)?,
            }
        }
        Ok(rows)
    }

    /// The bytes of all chunks, once what they declare has been found possible; else what is not.
    #[expect(clippy::float_cmp, reason = "counts are whole numbers")]
    fn check(&self, rows: f64, leaves: &[Leaf]) -> Result<f64, String> {
        if self.declared != leaves.len() as u64 {
            return Err(format!("has {} columns, the schema {}", self.declared, leaves.len()));
        }
        let mut bytes = 0.0;
        for (chunk, leaf) in self.chunks.iter().zip(leaves) {
            let inside = chunk.bytes >= 0.0 && chunk.start >= HEAD_BYTES && chunk.start + chunk.bytes <= self.data_end;
            if chunk.elsewhere {
                return Err("keeps its data in another file".to_owned());
            }
            if rows > 0.0 && !inside {
                let (bytes, start) = (said(chunk.bytes), said(chunk.start));
                return Err(format!("declares data outside the file ({bytes} bytes at {start})"));
            }
            if leaf.flat && chunk.values != rows {
                let values = said(chunk.values);
                return Err(format!("declares {} rows and a column of {values} values", said(rows)));
            }
            bytes += chunk.bytes;
        }
        let possible = rows >= 0.0 && rows <= bytes * ROWS_PER_BYTE_MAX;
        if possible { Ok(bytes) } else { Err(format!("declares {} rows in {} bytes", said(rows), said(bytes))) }
    }
}

/// Reads a column's chunk, with its statistics where they are of numbers.
fn read_chunk<'a>(footer: &mut Formal<'a>, leaf: Option<&Leaf>) -> Result<Chunk<'a>, Fault> {
    let mut chunk = Chunk::default();
    let mut structure = Formal::element(&form::CHUNK);
    while let Some((id, kind)) = footer.next(&mut structure)? {
        match id {
            1 => chunk.elsewhere = !footer.text(kind)?.is_empty(),
            3 => read_metadata(footer, Formal::structure(kind, &form::METADATA)?, leaf, &mut chunk)?,
            _ => footer.skip(kind)?,
        }
    }
    Ok(chunk)
}

fn read_metadata<'a>(
    footer: &mut Formal<'a>,
    mut metadata: Structure,
    leaf: Option<&Leaf>,
    chunk: &mut Chunk<'a>,
) -> Result<(), Fault> {
    let cells = leaf.and_then(|leaf| leaf.extent.as_ref()).map(|extent| extent.cells);
    let mut dictionary = 0.0;
    while let Some((id, kind)) = footer.next(&mut metadata)? {
        match (id, cells) {
            (2, _) => footer.pass_list(kind, &Elements::Encodings)?,
            (3, _) => footer.pass_list(kind, &Elements::Texts)?,
            (5, _) => chunk.values = form::double(footer.number(kind)?),
            (7, _) => chunk.bytes = form::double(footer.number(kind)?),
            (8, _) => footer.pass_list(kind, &Elements::Structures(&form::KEY_VALUE))?,
            (9, _) => chunk.start = form::double(footer.number(kind)?),
            (11, _) => dictionary = form::double(footer.number(kind)?),
            (12, Some(cells)) => chunk.statistics = Statistics::read(footer, kind, cells)?,
            (12, None) => footer.pass_field(kind, &form::STATISTICS)?,
            (13, _) => footer.pass_list(kind, &Elements::Structures(&form::PAGE_ENCODING))?,
            (16, _) => footer.pass_field(kind, &form::SIZES)?,
            _ => footer.skip(kind)?,
        }
    }
    // Some writers put 0 where there is no dictionary page.
    if dictionary > 0.0 {
        chunk.start = chunk.start.min(dictionary);
    }
    Ok(())
}

/// A number as JavaScript writes it.
pub(super) fn said(number: f64) -> String {
    if number.is_infinite() { "Infinity".to_owned() } else { number.to_string() }
}
