//! Small binary records: summaries, fits between passes and top rows.
//!
//! A record is `magic (8 bytes) | version u32 | payload length u64 | payload | SHA-256 of all before`, little-endian.
//! Summaries carry megabytes of sampled doubles, so JSON would be both large and slow. A record that is damaged, cut
//! short or of another kind is refused, never read half.

use std::fmt;

use sha2::{Digest, Sha256};

/// 2: summaries tell +inf from -inf and carry the powers of two by which numbers were shifted.
const VERSION: u32 = 2;
const HEAD: usize = 8 + 4 + 8;
const SEAL: usize = 32;

/// Why a record was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodecError {
    /// Not a record of this kind.
    Foreign,
    /// Written by another version.
    OtherVersion,
    /// The bytes were changed or cut.
    Damaged,
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Foreign => "the bytes are not a record of this kind",
            Self::OtherVersion => "the record was written by another version",
            Self::Damaged => "the record is damaged: its checksum or its layout does not match",
        })
    }
}

impl std::error::Error for CodecError {}

/// Writes a record.
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn new(magic: [u8; 8]) -> Self {
        let mut bytes = Vec::with_capacity(4096);
        bytes.extend_from_slice(&magic);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&0_u64.to_le_bytes());
        Self(bytes)
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn i32(&mut self, value: i32) {
        self.u32(value.cast_unsigned());
    }

    pub(crate) fn f64(&mut self, value: f64) {
        self.u64(value.to_bits());
    }

    pub(crate) fn len(&mut self, value: usize) {
        self.u64(value as u64);
    }

    pub(crate) fn bytes(&mut self, value: &[u8]) {
        self.len(value.len());
        self.0.extend_from_slice(value);
    }

    pub(crate) fn f64s(&mut self, values: &[f64]) {
        self.len(values.len());
        self.0.reserve(values.len() * 8);
        for value in values {
            self.f64(*value);
        }
    }

    pub(crate) fn u64s(&mut self, values: &[u64]) {
        self.len(values.len());
        for value in values {
            self.u64(*value);
        }
    }

    /// The sealed record.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        let length = (self.0.len() - HEAD) as u64;
        self.0[12..HEAD].copy_from_slice(&length.to_le_bytes());
        let seal = Sha256::digest(&self.0);
        self.0.extend_from_slice(&seal);
        self.0
    }
}

/// Reads a record whose seal was checked.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], magic: [u8; 8]) -> Result<Self, CodecError> {
        if bytes.len() < HEAD + SEAL {
            return Err(if bytes.starts_with(&magic) { CodecError::Damaged } else { CodecError::Foreign });
        }
        let (sealed, seal) = bytes.split_at(bytes.len() - SEAL);
        if sealed[..8] != magic {
            return Err(CodecError::Foreign);
        }
        if Sha256::digest(sealed)[..] != *seal {
            return Err(CodecError::Damaged);
        }
        let mut reader = Self(&sealed[8..]);
        // Checked after the seal: a flipped bit is damage, not another version.
        if reader.u32()? != VERSION {
            return Err(CodecError::OtherVersion);
        }
        if reader.u64()? != (sealed.len() - HEAD) as u64 {
            return Err(CodecError::Damaged);
        }
        Ok(reader)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], CodecError> {
        let (head, rest) = self.0.split_at_checked(count).ok_or(CodecError::Damaged)?;
        self.0 = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        self.take(N)?.try_into().map_err(|_| CodecError::Damaged)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, CodecError> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u32(&mut self) -> Result<u32, CodecError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn i32(&mut self) -> Result<i32, CodecError> {
        self.u32().map(u32::cast_signed)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, CodecError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(crate) fn f64(&mut self) -> Result<f64, CodecError> {
        Ok(f64::from_bits(self.u64()?))
    }

    /// A count of things of at least `size` bytes each. A count that the rest of the record could not hold is refused
    /// here, before anything is reserved for it.
    pub(crate) fn len(&mut self, size: usize) -> Result<usize, CodecError> {
        let count = usize::try_from(self.u64()?).map_err(|_| CodecError::Damaged)?;
        let needed = count.checked_mul(size).ok_or(CodecError::Damaged)?;
        if needed > self.0.len() { Err(CodecError::Damaged) } else { Ok(count) }
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], CodecError> {
        let count = self.len(1)?;
        self.take(count)
    }

    pub(crate) fn f64s(&mut self) -> Result<Vec<f64>, CodecError> {
        Ok(self.u64s()?.into_iter().map(f64::from_bits).collect())
    }

    pub(crate) fn u64s(&mut self) -> Result<Vec<u64>, CodecError> {
        let count = self.len(8)?;
        let (words, _) = self.take(count * 8)?.as_chunks::<8>();
        Ok(words.iter().map(|word| u64::from_le_bytes(*word)).collect())
    }

    /// A count and as many records of `N` bytes, lent as they lie there.
    pub(crate) fn records<const N: usize>(&mut self) -> Result<&'a [[u8; N]], CodecError> {
        let count = self.len(N)?;
        let (records, _) = self.take(count * N)?.as_chunks();
        Ok(records)
    }

    /// Everything must have been read.
    pub(crate) fn finish(self) -> Result<(), CodecError> {
        if self.0.is_empty() { Ok(()) } else { Err(CodecError::Damaged) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Vec<u8> {
        let mut writer = Writer::new(*b"testtest");
        writer.u8(7);
        writer.f64s(&[1.0, f64::NAN, -0.0]);
        writer.bytes(b"word");
        writer.finish()
    }

    #[test]
    fn a_record_reads_back_to_the_bit() {
        let bytes = record();
        let mut reader = Reader::new(&bytes, *b"testtest").unwrap();
        assert_eq!(reader.u8(), Ok(7));
        let bits: Vec<u64> = reader.f64s().unwrap().iter().map(|value| value.to_bits()).collect();
        assert_eq!(bits, [1.0_f64, f64::NAN, -0.0].map(f64::to_bits));
        assert_eq!(reader.bytes(), Ok(&b"word"[..]));
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn a_record_of_another_version_is_told_from_a_damaged_one() {
        let mut bytes = record();
        bytes[8] ^= 3;
        let sealed = bytes.len() - SEAL;
        let seal = Sha256::digest(&bytes[..sealed]);
        bytes[sealed..].copy_from_slice(&seal);
        assert_eq!(Reader::new(&bytes, *b"testtest").err(), Some(CodecError::OtherVersion));
    }

    #[test]
    fn every_flipped_byte_and_every_cut_is_noticed() {
        let bytes = record();
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert!(Reader::new(&flipped, *b"testtest").is_err(), "byte {at}");
            assert!(Reader::new(&bytes[..at], *b"testtest").is_err(), "cut at {at}");
        }
        assert_eq!(Reader::new(&bytes, *b"otherone").err(), Some(CodecError::Foreign));
    }

    #[test]
    fn an_absurd_count_is_refused_before_memory_is_reserved() {
        let mut writer = Writer::new(*b"testtest");
        writer.u64(u64::MAX / 8);
        let bytes = writer.finish();
        assert_eq!(Reader::new(&bytes, *b"testtest").unwrap().f64s(), Err(CodecError::Damaged));
    }
}
