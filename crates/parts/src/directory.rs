//! Finished parts become a directory that says when it is whole.

use crate::digest::hex;
use crate::durable::{create_beside, temporary_of, write_durable};
use crate::error::{At, PartsError, Result};
use crate::fs::{FileSystem, create_directories, plain};
use crate::part::PartReceipt;
use sha2::{Digest, Sha256};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The last file to appear, empty: a reader that sees it sees everything.
const SUCCESS: &str = "_SUCCESS";
const MANIFEST: &str = "manifest.json";

/// A finished part on its way into a published directory.
#[derive(Clone, Debug)]
pub struct DirectoryPart {
    /// Where it lies.
    pub source: PathBuf,
    /// Its name in the directory.
    pub name: String,
    /// What the checkpoint knows of it.
    pub receipt: PartReceipt,
}

/// Publishes `parts` as a directory: the parts, then `manifest.json`, then `_SUCCESS`, each durable before the next.
///
/// A part keeps its place in the job and gets a second name here (a hard link), or is copied where that cannot be; a
/// copy is checked against its digest. Publishing again is harmless: `_SUCCESS` goes first and comes back last.
/// Returns the files found there that are not ours: they are reported, never removed.
///
/// # Errors
/// DATA when a part is not what its receipt says, BUG when names clash; otherwise as the operating system says.
pub fn publish_directory(
    fs: &Arc<dyn FileSystem>,
    parts: &[DirectoryPart],
    directory: &Path,
    manifest: &[u8],
) -> Result<Vec<PathBuf>> {
    let mut names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).chain([MANIFEST, SUCCESS]).collect();
    names.sort_unstable();
    if let Some(name) = names.iter().find(|name| !plain(name)) {
        return Err(PartsError::bug(directory, format_args!("{name:?} is no plain file name")));
    }
    if let Some((name, _)) = names.iter().zip(&names[1..]).find(|(name, next)| name == next) {
        return Err(PartsError::bug(directory, format_args!("two files would be named {name:?}")));
    }
    create_directories(fs.as_ref(), directory, true)?;
    let unknown = clear(fs, directory, &names)?;
    for part in parts {
        place(fs, part, &directory.join(&part.name))?;
    }
    fs.sync_directory(directory).at("fsync directory", directory)?;
    write_durable(fs, &directory.join(MANIFEST), manifest)?;
    write_durable(fs, &directory.join(SUCCESS), b"")?;
    Ok(unknown)
}

/// Takes back the promise of an earlier publish and removes what a killed one left half done; returns the strangers.
fn clear(fs: &Arc<dyn FileSystem>, directory: &Path, names: &[&str]) -> Result<Vec<PathBuf>> {
    let mut unknown = Vec::new();
    let mut removed = false;
    for path in fs.list(directory).at("list", directory)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name == SUCCESS || names.iter().any(|known| temporary_of(&name, known)) {
            fs.remove_file(&path).at("remove", &path)?;
            removed = true;
        } else if !names.contains(&name.as_ref()) {
            unknown.push(path);
        }
    }
    if removed {
        fs.sync_directory(directory).at("fsync directory", directory)?;
    }
    Ok(unknown)
}

/// Gives the part its name in the directory; that name is durable once the directory is.
fn place(fs: &Arc<dyn FileSystem>, part: &DirectoryPart, target: &Path) -> Result<()> {
    let (source, expected) = (part.source.as_path(), &part.receipt);
    let mut file = fs.open(source).map_err(|e| PartsError::read("open", source, e))?;
    let bytes = file.metadata().at("stat", source)?.len();
    if bytes != expected.bytes {
        return Err(PartsError::data(
            source,
            format_args!("it has {bytes} bytes, its receipt says {}", expected.bytes),
        ));
    }
    // A link cannot replace a name, and renaming one link of a file over another does nothing and says so to nobody.
    // So an older file of this name goes first: without `_SUCCESS` nobody counts on it.
    match fs.remove_file(target) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).at("remove", target),
        _ => {}
    }
    if fs.link(source, target).is_ok() {
        return Ok(());
    }
    let mut sink = create_beside(fs, target)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        let count = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(PartsError::read("read", source, error)),
        };
        hash.update(&buffer[..count]);
        sink.write_all(&buffer[..count]).at("write", sink.path())?;
    }
    if hex(&hash.finalize()) != expected.sha256 {
        return Err(PartsError::data(source, "its bytes are not those its receipt was written for"));
    }
    sink.commit(target).map(drop)
}
