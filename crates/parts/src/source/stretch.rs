//! A stretch of a file, read once from front to back.

use super::bytes::Bytes;
use super::fault::Fault;
use crate::error;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

/// Gets all bytes of a stretch, in order, as they are read.
type Watcher<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), Fault>;

/// Bytes of a file from one place to another, through a buffer that somebody else owns.
pub(super) struct Stretch<'a> {
    path: &'a Path,
    file: &'a File,
    /// What is not yet in the buffer.
    unread: Range<u64>,
    buffer: &'a mut [u8],
    /// What of the buffer is not yet taken.
    ready: Range<usize>,
    watcher: Option<Watcher<'a>>,
}

impl<'a> Stretch<'a> {
    pub(super) fn new(path: &'a Path, file: &'a File, place: Range<u64>, buffer: &'a mut [u8]) -> Self {
        Self { path, file, unread: place, buffer, ready: 0..0, watcher: None }
    }

    pub(super) fn watched(self, watcher: Watcher<'a>) -> Self {
        Self { watcher: Some(watcher), ..self }
    }

    /// Where in the file the next byte lies.
    pub(super) fn position(&self) -> u64 {
        self.unread.start - self.ready.len() as u64
    }

    /// Fills the buffer, which is empty, with what comes next.
    fn load(&mut self) -> Result<(), Fault> {
        let left = self.unread.end - self.unread.start;
        if left == 0 {
            return Err(Fault::malformed("ends in the middle of a value"));
        }
        let length = self.buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let mut file = self.file;
        // Two stretches of one file take turns, so each says where it reads.
        file.seek(SeekFrom::Start(self.unread.start)).map_err(|e| error::read("seek in", self.path, e))?;
        let count = loop {
            match file.read(&mut self.buffer[..length]) {
                Ok(0) => return Err(error::data(self.path, "it grew shorter while it was read").into()),
                Ok(count) => break count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error::read("read", self.path, error).into()),
            }
        };
        self.unread.start += count as u64;
        self.ready = 0..count;
        match &mut self.watcher {
            Some(watcher) => watcher(&self.buffer[..count]),
            None => Ok(()),
        }
    }
}

impl Bytes for Stretch<'_> {
    fn left(&self) -> u64 {
        (self.unread.end - self.unread.start) + self.ready.len() as u64
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        if self.ready.is_empty() {
            self.load()?;
        }
        let byte = self.buffer[self.ready.start];
        self.ready.start += 1;
        Ok(byte)
    }

    fn take(&mut self, mut count: u64, mut each: impl FnMut(&[u8])) -> Result<(), Fault> {
        if count > self.left() {
            return Err(Fault::malformed("declares more bytes than there are"));
        }
        while count > 0 {
            if self.ready.is_empty() {
                self.load()?;
            }
            let length = self.ready.len().min(usize::try_from(count).unwrap_or(usize::MAX));
            let start = self.ready.start;
            each(&self.buffer[start..start + length]);
            self.ready.start += length;
            count -= length as u64;
        }
        Ok(())
    }
}
