//! The one road of bytes into a file: buffered, hashed on the way, then synced, closed and renamed in that order.

use crate::digest::hex;
use crate::error::{At, Result};
use crate::fs::{FileSystem, OpenFile, parent};
use sha2::{Digest, Sha256};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Large enough that calls are few, small enough that the bytes are still in the cache when they are hashed.
const BUFFER_BYTES: usize = 1 << 18;

/// The disk is kept busy from here on while the next pages are encoded: the sync at the end waited 6 ms and more for a
/// part of 7 MB, and now finds most of it done.
const WRITEBACK_BYTES: u64 = 1 << 20;

/// Removes the temporary file unless it has got its final name.
#[derive(Debug)]
struct Temporary {
    fs: Arc<dyn FileSystem>,
    path: PathBuf,
    renamed: bool,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            // Nobody to tell: the failure that brought us here is on its way up, and resume clears leftovers.
            let _ = self.fs.remove_file(&self.path);
        }
    }
}

/// A new file under a temporary name.
#[derive(Debug)]
pub(crate) struct Sink {
    /// `None` once closed. Declared before `temporary`, so closed before that is removed: Windows insists.
    file: Option<Box<dyn OpenFile>>,
    temporary: Temporary,
    buffer: Vec<u8>,
    hash: Sha256,
    bytes: u64,
    /// How many of them the system was asked to write back.
    started: u64,
    durable: bool,
}

impl Sink {
    /// Creates `temporary`, which must not exist.
    pub(crate) fn create(fs: Arc<dyn FileSystem>, temporary: &Path, durable: bool) -> Result<Self> {
        let file = fs.create_new(temporary).at("create", temporary)?;
        let temporary = Temporary { fs, path: temporary.into(), renamed: false };
        let buffer = Vec::with_capacity(BUFFER_BYTES);
        Ok(Self { file: Some(file), temporary, buffer, hash: Sha256::new(), bytes: 0, started: 0, durable })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.temporary.path
    }

    /// Where in the file the next byte will lie.
    pub(crate) fn position(&self) -> u64 {
        self.bytes + self.buffer.len() as u64
    }

    fn drain(&mut self) -> io::Result<()> {
        let buffer = std::mem::take(&mut self.buffer);
        let result = self.pass_on(&buffer);
        self.buffer = buffer;
        self.buffer.clear();
        result
    }

    fn pass_on(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = self.file.as_mut().ok_or_else(|| io::Error::other("the file is closed"))?;
        let mut rest = bytes;
        while !rest.is_empty() {
            match file.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        if self.durable && self.bytes - self.started >= WRITEBACK_BYTES {
            file.begin_writeback();
            self.started = self.bytes;
        }
        Ok(())
    }

    /// Makes the bytes durable, then the name: fdatasync, close, rename, fsync of the directory.
    /// Returns length and digest. To be called once.
    pub(crate) fn commit(&mut self, target: &Path) -> Result<(u64, String)> {
        self.settle()?;
        let Temporary { fs, path, renamed } = &mut self.temporary;
        fs.rename(path, target).at(&format!("rename to {} the file", target.display()), path)?;
        *renamed = true;
        self.sync_name(target)?;
        Ok((self.bytes, hex(&std::mem::take(&mut self.hash).finalize())))
    }

    /// Makes the bytes durable under the temporary name, which stays: a later [`commit`](crate::commit) gives the final
    /// one. Returns length and digest. To be called once.
    pub(crate) fn stage(&mut self) -> Result<(u64, String)> {
        self.settle()?;
        self.temporary.renamed = true;
        Ok((self.bytes, hex(&std::mem::take(&mut self.hash).finalize())))
    }

    /// The same, but an existing `target` stays; says whether this file became it.
    pub(crate) fn commit_once(&mut self, target: &Path) -> Result<bool> {
        self.settle()?;
        let Temporary { fs, path, .. } = &self.temporary;
        match fs.link(path, target) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
            linked => linked.at(&format!("link to {} the file", target.display()), path)?,
        }
        self.sync_name(target)?;
        Ok(true)
    }

    /// Puts everything on the disk under the temporary name.
    fn settle(&mut self) -> Result<()> {
        self.drain().at("write", self.path())?;
        if let Some(mut file) = self.file.take() {
            if self.durable {
                // A failed fsync is final: `?` leaves with the descriptor and the temporary given up.
                file.sync_data().at("fdatasync", self.path())?;
            }
            file.close().at("close", self.path())?;
        }
        Ok(())
    }

    fn sync_name(&self, target: &Path) -> Result<()> {
        let directory = parent(target);
        if self.durable { self.temporary.fs.sync_directory(directory).at("fsync directory", directory) } else { Ok(()) }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() + bytes.len() > BUFFER_BYTES {
            self.drain()?;
        }
        if bytes.len() >= BUFFER_BYTES {
            self.pass_on(bytes)?;
        } else {
            self.buffer.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    /// Nothing: only [`commit`](Self::commit) decides when bytes must be out.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
