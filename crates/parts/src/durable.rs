//! Small files written whole or not at all.

use crate::error::{At, PartsError, Result};
use crate::fs::{FileSystem, parent};
use crate::sink::Sink;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Replaces the file at `path` by one that holds `bytes`; after a crash at any point it holds the old bytes or the new.
///
/// # Errors
/// As the operating system says.
pub fn write_durable(fs: &Arc<dyn FileSystem>, path: &Path, bytes: &[u8]) -> Result<()> {
    let mut sink = create_beside(fs, path)?;
    sink.write_all(bytes).at("write", sink.path())?;
    sink.commit(path).map(drop)
}

/// A temporary of its own name in the directory of `path`, so that two writers never share one.
pub(crate) fn create_beside(fs: &Arc<dyn FileSystem>, path: &Path) -> Result<Sink> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().ok_or_else(|| PartsError::bug(path, "a file needs a name"))?;
    loop {
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}-{count}.tmp", std::process::id()));
        let temporary: PathBuf = parent(path).join(hidden);
        match Sink::create(Arc::clone(fs), &temporary, true) {
            // A crashed process that had our number left it; the next count is free.
            Err(error) if error.kind() == Some(ErrorKind::AlreadyExists) => {}
            other => return other,
        }
    }
}
