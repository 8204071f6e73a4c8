//! Parquet's run-length and bit-packing hybrid, fed with runs instead of single values.

use super::encodings::{bit_packed, varint};

/// Shorter runs are packed bit by bit: a run costs two bytes or more.
const RUN: usize = 16;

/// Small numbers (levels, dictionary indices) as alternating repeated and packed runs.
#[derive(Clone, Debug)]
pub(super) struct Hybrid {
    width: u32,
    /// The run that may still grow.
    value: u64,
    count: usize,
    /// Values not yet written, for a packed run of a multiple of eight.
    packed: Vec<u64>,
    out: Vec<u8>,
}

impl Hybrid {
    /// For values of at most `max`.
    pub(super) fn new(max: u64) -> Self {
        Self { width: u64::BITS - max.leading_zeros(), value: 0, count: 0, packed: Vec::new(), out: Vec::new() }
    }

    /// Appends `count` times `value`.
    #[inline]
    pub(super) fn push(&mut self, value: u64, count: usize) {
        if value != self.value && count > 0 {
            self.end_run();
            self.value = value;
        }
        self.count += count;
    }

    /// Bits of a value.
    pub(super) fn width(&self) -> u8 {
        self.width.to_le_bytes()[0]
    }

    fn end_run(&mut self) {
        let fill = self.count.min(self.packed.len().next_multiple_of(8) - self.packed.len());
        let rest = self.count - fill;
        if rest < RUN {
            self.packed.extend(std::iter::repeat_n(self.value, self.count));
        } else {
            self.packed.extend(std::iter::repeat_n(self.value, fill));
            self.end_packed();
            varint((rest as u64) << 1, &mut self.out);
            let bytes = self.width.div_ceil(8) as usize;
            self.out.extend_from_slice(&self.value.to_le_bytes()[..bytes]);
        }
        self.count = 0;
    }

    /// Writes the packed run, which only the last of a page may have to fill up with zeros.
    fn end_packed(&mut self) {
        if !self.packed.is_empty() {
            let groups = self.packed.len().div_ceil(8);
            self.packed.resize(8 * groups, 0);
            varint((groups as u64) << 1 | 1, &mut self.out);
            bit_packed(&self.packed, self.width, &mut self.out);
            self.packed.clear();
        }
    }

    /// Appends the encoded page to `page` and begins the next.
    pub(super) fn finish(&mut self, page: &mut Vec<u8>) {
        self.end_run();
        self.end_packed();
        page.append(&mut self.out);
    }

    /// The same with its length in front, as levels have it.
    pub(super) fn finish_levels(&mut self, page: &mut Vec<u8>) {
        let start = page.len();
        page.extend([0; 4]);
        self.finish(page);
        let length = u32::try_from(page.len() - start - 4).unwrap_or(u32::MAX);
        page[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The format description, read backwards.
    fn decode(mut bytes: &[u8], width: u32, count: usize) -> Vec<u64> {
        let mut values = Vec::new();
        while values.len() < count {
            let (mut header, mut shift) = (0_u64, 0);
            loop {
                header |= u64::from(bytes[0] & 0x7f) << shift;
                shift += 7;
                let more = bytes[0] & 0x80 != 0;
                bytes = &bytes[1..];
                if !more {
                    break;
                }
            }
            if header & 1 == 0 {
                let length = width.div_ceil(8) as usize;
                let value = bytes[..length].iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
                values.extend(std::iter::repeat_n(value, usize::try_from(header >> 1).unwrap()));
                bytes = &bytes[length..];
            } else {
                let groups = usize::try_from(header >> 1).unwrap();
                let bit = |at: usize| u64::from(bytes[at / 8] >> (at % 8) & 1);
                let bits = width as usize;
                values.extend((0..8 * groups).map(|v| (0..bits).map(|b| bit(v * bits + b) << b).sum::<u64>()));
                bytes = &bytes[groups * bits..];
            }
        }
        assert!(bytes.is_empty());
        values
    }

    proptest! {
        #[test]
        fn any_runs_come_back(max in 1_u64..1_000, runs in proptest::collection::vec((0_u64..1_000, 0_usize..60), 0..40)) {
            let mut hybrid = Hybrid::new(max);
            let mut expected = Vec::new();
            for (value, count) in runs {
                hybrid.push(value % (max + 1), count);
                expected.extend(std::iter::repeat_n(value % (max + 1), count));
            }
            let mut page = Vec::new();
            hybrid.finish(&mut page);
            let mut found = decode(&page, hybrid.width, expected.len());
            found.truncate(expected.len());
            prop_assert_eq!(found, expected);
        }
    }
}
