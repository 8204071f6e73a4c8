//! Bytes that gather over a whole run and are read once.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};

/// Small beside what is gathered, large enough that the system gets it back when it is freed.
const SEGMENT_BYTES: usize = 1 << 18;

/// Bytes that are appended at the end and moved out at the front. No single vector, which holds its bytes twice while it
/// grows; and what was moved out is freed as it goes.
#[derive(Debug, Default)]
pub(super) struct Segments {
    segments: VecDeque<Vec<u8>>,
    /// How much of the first is gone.
    gone: usize,
}

impl Segments {
    /// Appends `bytes`.
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = self.segments.back().map_or(0, |last| SEGMENT_BYTES - last.len());
            if room == 0 {
                self.segments.push_back(Vec::with_capacity(SEGMENT_BYTES));
                continue;
            }
            let (now, later) = bytes.split_at(bytes.len().min(room));
            self.segments.back_mut().into_iter().for_each(|last| last.extend_from_slice(now));
            bytes = later;
        }
    }

    /// Moves the next `count` bytes to `out`.
    pub(super) fn move_to(&mut self, mut count: u64, out: &mut impl Write) -> io::Result<()> {
        while count > 0 {
            let first = self.segments.front().ok_or(ErrorKind::UnexpectedEof)?;
            let left = first.len() - self.gone;
            let now = usize::try_from(count).map_or(left, |count| count.min(left));
            out.write_all(&first[self.gone..self.gone + now])?;
            self.gone += now;
            count -= now as u64;
            if now == left {
                self.segments.pop_front();
                self.gone = 0;
            }
        }
        Ok(())
    }

    /// Moves out the number that comes next, of which seven bits are in each byte.
    pub(super) fn number(&mut self) -> io::Result<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let mut byte = [0];
            self.move_to(1, &mut &mut byte[..])?;
            number |= u64::from(byte[0] & 127) << shift;
            if byte[0] < 128 {
                return Ok(number);
            }
        }
        Err(ErrorKind::InvalidData.into())
    }

    /// Moves all bytes that are left to `out`.
    pub(super) fn move_all(&mut self, out: &mut impl Write) -> io::Result<()> {
        while let Some(first) = self.segments.pop_front() {
            out.write_all(&first[std::mem::take(&mut self.gone)..])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::varint;

    #[test]
    fn what_is_pushed_comes_out_in_order_and_is_gone() {
        let piece = |length: usize| -> Vec<u8> { (0..length).map(|at| (at % 251).to_le_bytes()[0]).collect() };
        let lengths = [0, 1, SEGMENT_BYTES - 3, 5, 3 * SEGMENT_BYTES, 127, 128, 70_000];
        let mut segments = Segments::default();
        for length in lengths {
            let mut record = Vec::new();
            varint(length as u64, &mut record);
            record.extend(piece(length));
            segments.push(&record);
        }
        let mut rest = Vec::new();
        for length in &lengths[..6] {
            let mut found = Vec::new();
            let number = segments.number().unwrap();
            segments.move_to(number, &mut found).unwrap();
            assert!(found == piece(*length), "{length}");
        }
        segments.move_all(&mut rest).unwrap();
        assert_eq!(rest.len(), 2 + 128 + 3 + 70_000);
        assert!(segments.segments.is_empty() && segments.gone == 0);
        assert_eq!(segments.number().unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }
}
