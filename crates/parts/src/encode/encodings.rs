//! Parquet's encodings of plain numbers, each straight from a slice to bytes.

use std::ops::Range;

/// Deltas of one block; the smallest the format allows, so that a change of stride costs little.
const BLOCK: usize = 128;
const MINIBLOCKS: usize = 4;
const MINIBLOCK: usize = BLOCK / MINIBLOCKS;

/// An unsigned number, seven bits to a byte, the lowest first.
pub(crate) fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

pub(crate) fn zigzag(value: i64, out: &mut Vec<u8>) {
    varint(((value << 1) ^ (value >> 63)).cast_unsigned(), out);
}

/// `DELTA_BINARY_PACKED`: the differences above the least one of each block, in as few bits as they need. Row numbers
/// that rise by one need none.
pub(super) fn delta_binary_packed(values: &[i64], out: &mut Vec<u8>) {
    begin_delta(values.first().copied().unwrap_or(0), values.len() as u64, out);
    let mut rest = values;
    while rest.len() > 1 {
        let count = BLOCK.min(rest.len() - 1);
        let (values, next) = (&rest[..count], &rest[1..=count]);
        let stride = next[0].wrapping_sub(values[0]);
        let uneven = values.iter().zip(next).fold(0, |bits, (value, next)| bits | (next.wrapping_sub(*value) ^ stride));
        if uneven == 0 {
            zigzag(stride, out);
            out.extend([0; MINIBLOCKS]);
        } else {
            uneven_block(values, next, out);
        }
        rest = &rest[count..];
    }
}

fn begin_delta(first: i64, count: u64, out: &mut Vec<u8>) {
    varint(BLOCK as u64, out);
    varint(MINIBLOCKS as u64, out);
    varint(count, out);
    zigzag(first, out);
}

fn uneven_block(values: &[i64], next: &[i64], out: &mut Vec<u8>) {
    let steps = values.iter().zip(next).map(|(value, next)| next.wrapping_sub(*value));
    let least = steps.clone().min().unwrap_or(0);
    let mut deltas = [0_u64; BLOCK];
    for (delta, step) in deltas.iter_mut().zip(steps) {
        *delta = step.wrapping_sub(least).cast_unsigned();
    }
    zigzag(least, out);
    let widths = out.len();
    out.extend([0; MINIBLOCKS]);
    for (index, miniblock) in deltas.chunks_exact(MINIBLOCK).enumerate() {
        let used = miniblock.iter().fold(0, |used, delta| used | delta);
        let width = u64::BITS - used.leading_zeros();
        out[widths + index] = width.to_le_bytes()[0];
        bit_packed(miniblock, width, out);
    }
}

/// The low `width` bits of each value, back to back, the lowest first.
pub(super) fn bit_packed(values: &[u64], width: u32, out: &mut Vec<u8>) {
    let (mut pending, mut bits) = (0_u128, 0);
    for value in values.iter().filter(|_| width > 0) {
        pending |= u128::from(*value) << bits;
        bits += width;
        while bits >= 8 {
            out.push(pending.to_le_bytes()[0]);
            pending >>= 8;
            bits -= 8;
        }
    }
    if bits > 0 {
        out.push(pending.to_le_bytes()[0]);
    }
}

/// The same for the numbers of `run`, which rise by one.
pub(super) fn delta_of_run(run: Range<i64>, out: &mut Vec<u8>) {
    let count = run.end.wrapping_sub(run.start).cast_unsigned();
    begin_delta(run.start, count, out);
    for _ in 0..count.saturating_sub(1).div_ceil(BLOCK as u64) {
        zigzag(1, out);
        out.extend([0; MINIBLOCKS]);
    }
}

/// `BYTE_STREAM_SPLIT`: the first bytes of all values, then the second ones, and so on. Each of the eight `streams` has
/// room for `room` values; these go to the places from `at` on.
///
/// Eight values at a time are an 8 x 8 matrix of bytes, transposed in three rounds of swaps in plain integers; half the
/// time of picking out one stream after the other.
pub(super) fn byte_stream_split(values: &[f64], streams: &mut [u8], room: usize, at: usize) {
    debug_assert!(streams.len() == 8 * room && at + values.len() <= room);
    let (blocks, rest) = values.as_chunks::<8>();
    let mut ends = streams;
    let mut split: [&mut [u8]; 8] = std::array::from_fn(|_| {
        let (stream, rest) = std::mem::take(&mut ends).split_at_mut(room);
        ends = rest;
        &mut stream[at..at + values.len()]
    });
    for (index, block) in blocks.iter().enumerate() {
        for (stream, bytes) in split.iter_mut().zip(transposed(block.map(f64::to_bits))) {
            stream[8 * index..8 * index + 8].copy_from_slice(&bytes.to_le_bytes());
        }
    }
    for (index, value) in (8 * blocks.len()..).zip(rest) {
        for (stream, byte) in split.iter_mut().zip(value.to_le_bytes()) {
            stream[index] = byte;
        }
    }
}

/// The same at the end of `out`.
pub(super) fn append_byte_stream_split(values: &[f64], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + 8 * values.len(), 0);
    byte_stream_split(values, &mut out[start..], values.len(), 0);
}

fn transposed(mut rows: [u64; 8]) -> [u64; 8] {
    for (distance, mask) in [(1, 0x00ff_00ff_00ff_00ff), (2, 0x0000_ffff_0000_ffff), (4, 0x0000_0000_ffff_ffff_u64)] {
        for first in (0..8).filter(|row| row & distance == 0) {
            let swap = ((rows[first] >> (8 * distance)) ^ rows[first + distance]) & mask;
            rows[first + distance] ^= swap;
            rows[first] ^= swap << (8 * distance);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_the_bytes_of_all_values() {
        for count in 0..40_usize {
            let values: Vec<f64> = (0..count).map(|value| (value as f64).sqrt()).collect();
            let mut out = vec![7];
            append_byte_stream_split(&values, &mut out);
            assert_eq!(out.len(), 1 + 8 * count);
            for (index, value) in values.iter().enumerate() {
                let bytes: Vec<u8> = (0..8).map(|stream| out[1 + stream * count + index]).collect();
                assert_eq!(bytes, value.to_le_bytes());
            }
        }
    }

    #[test]
    fn streams_grow_by_stretches() {
        let values: Vec<f64> = (0..100).map(|value| f64::from(value).sqrt()).collect();
        let (mut whole, mut grown) = (Vec::new(), vec![0; 800]);
        append_byte_stream_split(&values, &mut whole);
        for (at, stretch) in [(0, 0..33), (33, 33..34), (34, 34..100)] {
            byte_stream_split(&values[stretch], &mut grown, 100, at);
        }
        assert_eq!(grown, whole);
    }

    #[test]
    fn a_run_is_encoded_as_its_numbers_are() {
        for first in [0, 7, 122_880, i64::MAX - 1_000] {
            for count in (1..260).chain([1_000]) {
                let (mut run, mut numbers) = (Vec::new(), Vec::new());
                delta_of_run(first..first + count, &mut run);
                delta_binary_packed(&(first..first + count).collect::<Vec<_>>(), &mut numbers);
                assert_eq!(run, numbers, "{count} from {first}");
            }
        }
    }

    #[test]
    fn bits_are_packed_as_the_format_description_shows() {
        let mut out = Vec::new();
        bit_packed(&[0, 1, 2, 3, 4, 5, 6, 7], 3, &mut out);
        assert_eq!(out, [0b1000_1000, 0b1100_0110, 0b1111_1010]);
    }

    #[test]
    fn rows_that_rise_by_one_cost_five_bytes_a_block() {
        let mut out = Vec::new();
        delta_binary_packed(&(0..=1_280).collect::<Vec<_>>(), &mut out);
        assert_eq!(out.len(), 2 + 1 + 2 + 1 + 10 * 5);
    }
}
