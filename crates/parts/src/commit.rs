//! The last step: what was staged under a temporary name gets its final one, unless that is taken.
//!
//! A name is taken when something lies there that the caller did not approve of beforehand. To look and then to rename
//! would replace what appears in between, so the system is asked to do both in one step: a new name must be free, and an
//! approved file is swapped out, looked at, and put back if it is another one.
//!
//! A crash may leave what was swapped out under the name that it was swapped with, and it may be somebody else's. That name
//! ends in `.swap`, which no other step gives: a `.tmp` is ours whatever is in it, a `.swap` is known by what is in it alone.

use crate::error::{self, At, Result};
use crate::fs::{FileId, FileSystem, parent};
use crate::sink::Sink;
use batch_core_error::Error;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::sync::Arc;

/// Gives the durable file `temporary` the name `target` in the same directory, and makes the name durable. Only the file
/// `replaces`, if any, may lie there; it is removed.
///
/// # Errors
/// `OUTPUT_EXISTS` when something else lies there: it stays as it is, and `temporary` too. Otherwise as the operating
/// system says.
pub fn commit(fs: &Arc<dyn FileSystem>, temporary: &Path, target: &Path, replaces: Option<FileId>) -> Result<()> {
    take(fs, temporary, target, replaces)?;
    fs.sync_directory(parent(target)).at("fsync directory", parent(target))
}

/// As [`commit`], but the name is not durable until its directory is.
pub(crate) fn take(fs: &Arc<dyn FileSystem>, temporary: &Path, target: &Path, replaces: Option<FileId>) -> Result<()> {
    match replaces {
        None => take_free(fs, temporary, target),
        Some(approved) => take_from(fs, temporary, target, approved),
    }
}

/// Whether the file `approved` lies at `path`, or nothing does; anything else is an error.
pub(crate) fn check_approved(fs: &Arc<dyn FileSystem>, path: &Path, approved: FileId) -> Result<bool> {
    match fs.identity(path) {
        Ok(found) if found == approved => Ok(true),
        Ok(_) => Err(replaced(path)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).at("look at", path),
    }
}

/// Removes what lies at `path` if it is the file `approved`.
pub(crate) fn remove_approved(fs: &Arc<dyn FileSystem>, path: &Path, approved: FileId) -> Result<()> {
    if check_approved(fs, path, approved)? { remove(fs, path) } else { Ok(()) }
}

/// Removes the file at `path`; that it is gone already is as well.
pub(crate) fn remove(fs: &Arc<dyn FileSystem>, path: &Path) -> Result<()> {
    match fs.remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed.at("remove", path),
    }
}

/// Writes `bytes` as `temporary`, which must not exist, then commits it as `target`, as [`commit`] does.
///
/// # Errors
/// As [`commit`]; the temporary is gone then.
pub fn write_committed(
    fs: &Arc<dyn FileSystem>,
    temporary: &Path,
    target: &Path,
    bytes: &[u8],
    replaces: Option<FileId>,
) -> Result<()> {
    let mut sink = Sink::create(Arc::clone(fs), temporary, true)?;
    sink.write_all(bytes).at("write", temporary)?;
    sink.stage()?;
    commit(fs, temporary, target, replaces).inspect_err(|_| {
        // The failure that brought us here is on its way up; the next run clears leftovers.
        let _ = fs.remove_file(temporary);
    })
}

fn take_free(fs: &Arc<dyn FileSystem>, temporary: &Path, target: &Path) -> Result<()> {
    match fs.rename_new(temporary, target) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(appeared(target)),
        renamed => renamed.at(&format!("rename to {} the file", target.display()), temporary),
    }
}

fn take_from(fs: &Arc<dyn FileSystem>, temporary: &Path, target: &Path, approved: FileId) -> Result<()> {
    if !check_approved(fs, target, approved)? {
        return take_free(fs, temporary, target);
    }
    let staged = fs.identity(temporary).ok();
    let swap = temporary.with_extension("swap");
    fs.rename(temporary, &swap).at("rename", temporary)?;
    // What was staged is the caller's to remove, under the name it gave. The failure that brings us here is on its way up.
    let unstaged = |_: &Error| {
        if fs.identity(&swap).ok() == staged {
            let _ = fs.rename(&swap, temporary);
        }
    };
    match fs.exchange(&swap, target) {
        // What cannot be swapped is replaced: the look above is all there is.
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            let renamed = fs.rename(&swap, target).at(&format!("rename to {} the file", target.display()), temporary);
            return renamed.inspect_err(unstaged);
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return take_free(fs, &swap, target).inspect_err(unstaged);
        }
        swapped => {
            swapped.at(&format!("rename to {} the file", target.display()), temporary).inspect_err(unstaged)?;
        }
    }
    // From here on somebody else's file may lie under that name: it stays there, whatever fails.
    if fs.identity(&swap).at("look at", &swap)? != approved {
        return Err(give_back(fs, &swap, target, staged)).inspect_err(unstaged);
    }
    fs.remove_file(&swap).at("remove", &swap)
}

/// Puts what was swapped out back in its place, and tells of it, or where it lies now.
fn give_back(fs: &Arc<dyn FileSystem>, swap: &Path, target: &Path, staged: Option<FileId>) -> Error {
    let kept = |why: &dyn std::fmt::Display| {
        let what = format!("is not the file it was when this began: what lay there is {} now ({why})", swap.display());
        error::occupied(target, what)
    };
    match put_back(fs, swap, target, staged) {
        Ok(true) => replaced(target),
        Ok(false) => kept(&"somebody else wrote there, twice"),
        Err(error) => kept(&error),
    }
}

/// What a swap brought out under the name `swap`, and is somebody else's, goes back to `target` where nothing lies there but
/// the file `ours`, which is removed, or nothing at all. Whether it did: whoever put it there may be putting more there, and
/// the last is what stays at `target`.
///
/// # Errors
/// As the operating system says.
pub fn put_back(fs: &Arc<dyn FileSystem>, swap: &Path, target: &Path, ours: Option<FileId>) -> Result<bool> {
    match fs.exchange(swap, target) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Unsupported) => {
            return match fs.rename_new(swap, target) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
                renamed => renamed.at("put back", target).map(|()| true),
            };
        }
        swapped => swapped.at("put back", target)?,
    }
    match fs.identity(swap) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error).at("look at", swap),
        Ok(found) if Some(found) == ours => remove(fs, swap).map(|()| true),
        Ok(_) => fs.exchange(swap, target).at("put back", target).map(|()| false),
    }
}

/// What came to lie at a name that was free.
pub(crate) fn appeared(target: &Path) -> Error {
    error::occupied(target, "appeared meanwhile and is not ours to replace")
}

fn replaced(target: &Path) -> Error {
    error::occupied(target, "is not the file it was when this began: somebody else wrote it")
}
