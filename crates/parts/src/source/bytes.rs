//! Bytes that are read once, from front to back.

use super::fault::Fault;

/// What Thrift is read from.
pub(crate) trait Bytes {
    /// Bytes up to the end.
    fn left(&self) -> u64;

    fn byte(&mut self) -> Result<u8, Fault>;

    /// Gives the next `count` bytes to `each`, in pieces.
    fn take(&mut self, count: u64, each: impl FnMut(&[u8])) -> Result<(), Fault>;

    fn skip(&mut self, count: u64) -> Result<(), Fault> {
        self.take(count, |_| {})
    }
}

/// Bytes in memory.
pub(crate) struct Slice<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Slice<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many are behind.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// The next byte, which stays.
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// The next `count` bytes, where they lie.
    pub(super) fn lend(&mut self, count: u64) -> Result<&'a [u8], Fault> {
        let end = usize::try_from(count).ok().and_then(|count| self.at.checked_add(count));
        let lent = end.and_then(|end| self.bytes.get(self.at..end));
        let lent = lent.ok_or(Fault::malformed("declares a value longer than itself"))?;
        self.at += lent.len();
        Ok(lent)
    }
}

impl Bytes for Slice<'_> {
    fn left(&self) -> u64 {
        (self.bytes.len() - self.at) as u64
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        let byte = *self.bytes.get(self.at).ok_or(Fault::malformed("ends in the middle of a value"))?;
        self.at += 1;
        Ok(byte)
    }

    fn take(&mut self, count: u64, mut each: impl FnMut(&[u8])) -> Result<(), Fault> {
        self.lend(count).map(&mut each)
    }
}
