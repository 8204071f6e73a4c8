//! Where a fit stands: what its next pass knows before it reads a row.
//!
//! ```text
//! Count ── (as if the rows that were counted were all there are)
//! Sample ── model (of the sampled rows, as if there were no others)
//! Blank ──────────────────────────────┬── model (one pass, or all rows sampled)
//!                                     ├── Second ── model
//! Pilot ── Guessed ──┬── model        │
//!          Guessed ──┴── (guess missed) ── Second ── model
//! ```
//!
//! A guess never shows in a histogram: it is checked by the pass that counts under it, and where a single number was
//! guessed wrong, the pass is what a first pass is anyway, and a second one counts again.

use std::sync::Arc;

use crate::center::Center;
use crate::claims::RowGroup;
use crate::codec::{CodecError, Reader, Writer};
use crate::places::Places;
use crate::summaries::Summary;
use crate::summaries::bracket::Bracket;
use crate::summaries::histogram::Cuts;
use crate::summaries::range::Range;
use crate::wants::Wants;

/// What is known before a pass.
#[derive(Clone, Debug)]
pub(crate) enum Stage {
    /// Not even how many rows meet the condition of the fit, which this pass counts.
    Count,
    /// Nothing.
    Blank,
    /// Nothing, and this pass only samples rows: of `rows` ones, those of all row groups or of some.
    Sample { rows: u64 },
    /// The ranges, as the source's own statistics claim them. This pass reads `rows` rows, those of some of the row groups,
    /// so that brackets can be guessed.
    Pilot { ranges: Vec<Range>, rows: u64, groups: Vec<RowGroup> },
    /// The ranges as claimed, and where to count; this pass finds out whether that is so.
    Guessed { ranges: Vec<Range>, targets: Targets },
    /// What the first pass learned, and where to count.
    Second { first: Box<Summary>, targets: Targets },
}

/// Where a pass counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Targets {
    /// The columns that vary.
    pub(crate) used: Vec<usize>,
    /// The cuts of each column; none for a column that is left out.
    pub(crate) cuts: Option<Arc<Vec<Cuts>>>,
    pub(crate) brackets: Option<Arc<Vec<Option<Bracket>>>>,
    /// Below what cells are counted, column by column; nothing of a column that is left out.
    pub(crate) places: Option<Arc<Vec<Places>>>,
    /// By what the cells of each column are standardized; none for a column that is left out.
    pub(crate) centers: Option<Arc<Vec<Option<Center>>>>,
}

impl Stage {
    /// Which pass over the source, of `all` rows, is next: 0 where some of its row groups are read, or nothing but a condition.
    pub(crate) fn pass(&self, all: u64) -> u32 {
        match self {
            Self::Count | Self::Pilot { .. } => 0,
            Self::Sample { rows } => u32::from(*rows == all),
            Self::Blank | Self::Guessed { .. } => 1,
            Self::Second { .. } => 2,
        }
    }

    pub(crate) fn targets(&self) -> Option<&Targets> {
        match self {
            Self::Count | Self::Blank | Self::Sample { .. } | Self::Pilot { .. } => None,
            Self::Guessed { targets, .. } | Self::Second { targets, .. } => Some(targets),
        }
    }

    /// What tells this stage from the others of its fit, without what only the end of the fit looks at.
    pub(crate) fn identify(&self, writer: &mut Writer) {
        match self {
            Self::Blank => writer.u8(0),
            Self::Pilot { ranges, rows, .. } => {
                writer.u8(1);
                writer.u64(*rows);
                encode_ranges(ranges, writer);
            }
            Self::Guessed { ranges, targets } => {
                writer.u8(2);
                encode_ranges(ranges, writer);
                targets.encode(writer);
            }
            Self::Second { first, targets } => {
                writer.u8(3);
                encode_ranges(first.range.as_deref().unwrap_or_default(), writer);
                targets.encode(writer);
            }
            Self::Sample { rows } => {
                writer.u8(4);
                writer.u64(*rows);
            }
            Self::Count => writer.u8(5),
        }
    }

    pub(crate) fn encode(&self, writer: &mut Writer) {
        self.identify(writer);
        match self {
            Self::Pilot { groups, .. } => {
                writer.len(groups.len());
                for group in groups {
                    group.encode(writer);
                }
            }
            Self::Second { first, .. } => first.encode(writer),
            Self::Count | Self::Blank | Self::Sample { .. } | Self::Guessed { .. } => {}
        }
    }

    /// Reads what [`Stage::encode`] wrote of a fit that wants `wants`. `summary` reads the first pass's, and `cuts` finds them
    /// from the ranges.
    pub(crate) fn decode(
        reader: &mut Reader<'_>,
        wants: &Wants,
        columns: usize,
        summary: impl FnOnce(&mut Reader<'_>) -> Result<Summary, CodecError>,
        cuts: impl FnOnce(&[Range], &[usize]) -> Option<Vec<Cuts>>,
    ) -> Result<Self, CodecError> {
        let kind = reader.u8()?;
        match kind {
            0 => return Ok(Self::Blank),
            5 => return Ok(Self::Count),
            _ => {}
        }
        let rows = if matches!(kind, 1 | 4) { reader.u64()? } else { 0 };
        if kind == 4 {
            return Ok(Self::Sample { rows });
        }
        let known = if wants.ranges() { columns } else { 0 };
        let ranges = (0..known).map(|_| Range::decode(reader)).collect::<Result<Vec<_>, _>>()?;
        if kind == 1 {
            let groups = (0..reader.len(17)?).map(|_| RowGroup::decode(reader)).collect::<Result<_, _>>()?;
            return Ok(Self::Pilot { ranges, rows, groups });
        }
        let used = decode_used(reader, columns)?;
        let bracketed = reader.u8()? != 0;
        let brackets = bracketed.then(|| decode_each(reader, columns, Bracket::decode).map(Arc::new)).transpose()?;
        let centers = wants.products.then(|| decode_each(reader, columns, Center::decode).map(Arc::new)).transpose()?;
        let places = wants.ecdfs.then(|| (0..columns).map(|_| decode_places(reader)).collect::<Result<Vec<_>, _>>());
        let places = places.transpose()?.map(Arc::new);
        let targets = Targets { brackets, places, centers, cuts: cuts(&ranges, &used).map(Arc::new), used };
        match kind {
            2 => Ok(Self::Guessed { ranges, targets }),
            3 => Ok(Self::Second { first: Box::new(summary(reader)?), targets }),
            _ => Err(CodecError::Damaged),
        }
    }
}

impl Targets {
    /// Writes all but the cuts, which the ranges say.
    fn encode(&self, writer: &mut Writer) {
        writer.len(self.used.len());
        self.used.iter().for_each(|column| writer.len(*column));
        writer.u8(u8::from(self.brackets.is_some()));
        encode_each(self.brackets.as_deref(), writer, Bracket::encode);
        encode_each(self.centers.as_deref(), writer, |center, writer| center.encode(writer));
        self.places.iter().flat_map(|places| places.iter()).for_each(|places| writer.f64s(places.cells()));
    }
}

/// Writes what some columns have, each after whether it has it.
fn encode_each<T>(columns: Option<&Vec<Option<T>>>, writer: &mut Writer, encode: impl Fn(&T, &mut Writer)) {
    for column in columns.into_iter().flatten() {
        writer.u8(u8::from(column.is_some()));
        if let Some(column) = column {
            encode(column, writer);
        }
    }
}

/// Reads what [`encode_each`] wrote.
fn decode_each<T>(
    reader: &mut Reader<'_>,
    columns: usize,
    decode: impl Fn(&mut Reader<'_>) -> Result<T, CodecError>,
) -> Result<Vec<Option<T>>, CodecError> {
    let each = |_| if reader.u8()? == 0 { Ok(None) } else { decode(reader).map(Some) };
    (0..columns).map(each).collect()
}

fn encode_ranges(ranges: &[Range], writer: &mut Writer) {
    for range in ranges {
        range.encode(writer);
    }
}

fn decode_places(reader: &mut Reader<'_>) -> Result<Places, CodecError> {
    let places = reader.f64s()?;
    if places.is_sorted_by(|a, b| a < b) { Ok(Places::new(&places)) } else { Err(CodecError::Damaged) }
}

fn decode_used(reader: &mut Reader<'_>, columns: usize) -> Result<Vec<usize>, CodecError> {
    let used = reader.u64s()?;
    let column = |column: u64| usize::try_from(column).ok().filter(|column| *column < columns);
    used.into_iter().map(|used| column(used).ok_or(CodecError::Damaged)).collect()
}
