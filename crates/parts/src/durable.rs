//! Small files written whole or not at all.

use crate::error::{self, At, Result};
use crate::fs::{FileSystem, parent};
use crate::sink::Sink;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Makes the directory `path` and whatever is missing above it, each durable before the next.
///
/// # Errors
/// As the operating system says.
pub fn create_directories(fs: &Arc<dyn FileSystem>, path: &Path) -> Result<()> {
    crate::fs::create_directories(fs.as_ref(), path)
}

/// Replaces the file at `path` by one that holds `bytes`; after a crash at any point it holds the old bytes or the new.
///
/// # Errors
/// As the operating system says.
pub fn write_durable(fs: &Arc<dyn FileSystem>, path: &Path, bytes: &[u8]) -> Result<()> {
    let mut sink = create_beside(fs, path)?;
    sink.write_all(bytes).at("write", sink.path())?;
    sink.commit(path).map(drop)
}

/// Writes `path` unless it exists: of several writers the first to commit wins and gets `true`, the others `false`.
/// A crash at any point leaves all of the file or none.
///
/// # Errors
/// As the operating system says.
pub fn write_durable_once(fs: &Arc<dyn FileSystem>, path: &Path, bytes: &[u8]) -> Result<bool> {
    let mut sink = create_beside(fs, path)?;
    sink.write_all(bytes).at("write", sink.path())?;
    sink.commit_once(path)
}

/// A temporary of its own name in the directory of `path`, so that two writers never share one.
pub(crate) fn create_beside(fs: &Arc<dyn FileSystem>, path: &Path) -> Result<Sink> {
    if path.file_name().is_none() {
        return Err(error::bug(path, "a file needs a name"));
    }
    loop {
        match Sink::create(Arc::clone(fs), &temporary_beside(path), true) {
            // A crashed process that had our number left it; some later count is free.
            Err(error) if error::kind(&error) == Some(ErrorKind::AlreadyExists) => {}
            other => return other,
        }
    }
}

/// A name beside that of the file `path` which no other call in this process is given.
pub(crate) fn temporary_beside(path: &Path) -> PathBuf {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(path.file_name().unwrap_or_default());
    hidden.push(format!(".{}-{count}.tmp", std::process::id()));
    parent(path).join(hidden)
}

/// Whether `name` is one that [`create_beside`] makes for the file `known`.
pub(crate) fn temporary_of(name: &str, known: &str) -> bool {
    let number =
        name.strip_prefix('.').and_then(|rest| rest.strip_prefix(known)?.strip_prefix('.')?.strip_suffix(".tmp"));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'))
}
