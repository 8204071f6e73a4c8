//! Finished parts become a directory that says when it is whole.
//!
//! ```text
//! intent (whose directory this is, and every name that may lie in it) -> _SUCCESS away -> older files away
//!   -> parts -> manifest.json -> intent away -> _SUCCESS
//! ```
//!
//! Each step is durable before the next. Whoever finds the directory after a crash knows it by the intent or the
//! manifest, and goes through the same steps again. A name that the intent does not list is a stranger's, and stays.
//!
//! Two runs may publish here at once: whose intent lies there goes on. The last step has no intent to go by, so its file is
//! staged before the intent goes, and whoever takes the directory over sweeps what is staged, then looks for what it was to
//! become: either that is seen, or it never comes.

use crate::commit::{appeared, check_approved, commit, remove, remove_approved, take};
use crate::digest::compare;
use crate::durable::{create_beside, temporary_beside, temporary_of};
use crate::error::{At, Code, PartsError, Result};
use crate::fs::{FileId, FileSystem, create_directories, parent, plain};
use crate::receipt::PartReceipt;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The last file to appear, empty: a reader that sees it sees everything.
const SUCCESS: &str = "_SUCCESS";
const MANIFEST: &str = "manifest.json";
/// Says, while a directory is being published, whose it is.
const INTENT: &str = ".batch-core-publishing.json";
/// Strangers that an error names.
const STRANGERS_NAMED: usize = 3;

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

/// A directory to publish.
#[derive(Clone, Copy, Debug)]
pub struct DirectoryRequest<'a> {
    /// Its path. It is created where it is missing.
    pub directory: &'a Path,
    /// Its parts, in order.
    pub parts: &'a [DirectoryPart],
    /// The bytes of `manifest.json`.
    pub manifest: &'a [u8],
    /// The bytes that say whose the directory is until the manifest is there.
    pub intent: &'a [u8],
    /// Files of an earlier publication that may go: nothing else that lies there is touched.
    pub replaces: &'a [Replaced],
}

/// A file that a publication may replace or remove, as long as it is the one that was looked at.
#[derive(Clone, Debug)]
pub struct Replaced {
    /// Its name in the directory.
    pub name: String,
    /// What was found there.
    pub id: FileId,
}

/// What may go, by its name.
type Approved<'a> = BTreeMap<&'a str, FileId>;

/// Publishes parts as a directory. A part keeps its place in the job and gets a second name there (a hard link), or is
/// copied where that cannot be; either way it is compared with its receipt first. Publishing again is harmless.
/// `observe` is told the rows done so far, after each part.
///
/// # Errors
/// `OUTPUT_EXISTS`, naming them, when files lie there that are neither parts nor replaced; DATA, with the part's path,
/// when a part is not what its receipt says; BUG when names clash; what `observe` returns; otherwise as the operating
/// system says.
pub fn publish_directory(
    fs: &Arc<dyn FileSystem>,
    request: &DirectoryRequest<'_>,
    observe: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<()> {
    let DirectoryRequest { directory, parts, .. } = *request;
    let names = names(request)?;
    let approved: Approved<'_> =
        request.replaces.iter().map(|replaced| (replaced.name.as_str(), replaced.id)).collect();
    create_directories(fs.as_ref(), directory)?;
    refuse_strangers(fs, directory, &names, &approved)?;
    refuse_changed(fs, directory, &approved)?;
    let intent = write(fs, &directory.join(INTENT), request.intent, approved.get(INTENT).copied())?;
    take_over(fs, directory, &names, &approved).inspect_err(|refused| {
        if refused.code == Code::Occupied {
            // What lies there is whole, and another's: the failure on its way up says so.
            let _ = remove_intent(fs, directory, intent);
        }
    })?;
    clear(fs, request, &approved)?;
    let mut rows = 0;
    for part in parts {
        still_ours(fs, directory, intent)?;
        place(fs, part, &directory.join(&part.name), approved.get(part.name.as_str()).copied())?;
        rows += part.receipt.rows;
        observe(rows)?;
    }
    fs.sync_directory(directory).at("fsync directory", directory)?;
    still_ours(fs, directory, intent)?;
    finish(fs, request, &names, &approved, intent)
}

/// Says what lies there, and that it is whole.
fn finish(
    fs: &Arc<dyn FileSystem>,
    request: &DirectoryRequest<'_>,
    names: &BTreeSet<&str>,
    approved: &Approved<'_>,
    intent: Option<FileId>,
) -> Result<()> {
    let directory = request.directory;
    let (manifest, success) = (directory.join(MANIFEST), directory.join(SUCCESS));
    let written = write(fs, &manifest, request.manifest, None)?;
    refuse_strangers(fs, directory, names, approved)?;
    let staged = stage(fs, &success, b"")?;
    remove_intent(fs, directory, intent).map_err(|failure| {
        let _ = fs.remove_file(&staged);
        if !matches!(failure.code, Code::Occupied | Code::PathLost) {
            return failure;
        }
        // It is not our directory any more: what we have just said of it is taken back.
        let _ = written.map(|written| remove_approved(fs, &manifest, written));
        gone(fs, directory)
    })?;
    fs.sync_directory(directory).at("fsync directory", directory)?;
    put(fs, &staged, &success, None)
}

/// Another run may have taken the directory over, and be done with it by now: what it published is not to be added to.
fn still_ours(fs: &Arc<dyn FileSystem>, directory: &Path, intent: Option<FileId>) -> Result<()> {
    if fs.identity(&directory.join(INTENT)).ok() == intent { Ok(()) } else { Err(gone(fs, directory)) }
}

/// The intent is not there: another run's is, or what came of it; else somebody took the directory away.
fn gone(fs: &Arc<dyn FileSystem>, directory: &Path) -> PartsError {
    let intent = directory.join(INTENT);
    match fs.identity(&intent) {
        Err(error) if ![MANIFEST, SUCCESS].iter().any(|name| fs.identity(&directory.join(name)).is_ok()) => {
            PartsError::io("find", &intent, error)
        }
        _ => PartsError::occupied(directory, "was taken over by another run"),
    }
}

/// Removes the intent unless it is another run's, which would be lost with it.
fn remove_intent(fs: &Arc<dyn FileSystem>, directory: &Path, intent: Option<FileId>) -> Result<()> {
    let path = directory.join(INTENT);
    let swap = temporary_beside(&path).with_extension("swap");
    let explain = |failure: PartsError| match failure.kind() {
        Some(ErrorKind::NotFound) => gone(fs, directory),
        _ => failure,
    };
    still_ours(fs, directory, intent)?;
    fs.rename(&path, &swap).at("rename", &path).map_err(explain)?;
    if fs.identity(&swap).ok() == intent {
        return fs.remove_file(&swap).at("remove", &swap).map_err(explain);
    }
    fs.rename_new(&swap, &path).at("put back", &path).map_err(explain)?;
    Err(gone(fs, directory))
}

/// The names that the directory will have.
fn names<'a>(request: &DirectoryRequest<'a>) -> Result<BTreeSet<&'a str>> {
    let directory = request.directory;
    let mut names = BTreeSet::new();
    for name in request.parts.iter().map(|part| part.name.as_str()).chain([MANIFEST, SUCCESS, INTENT]) {
        if !plain(name) {
            return Err(PartsError::bug(directory, format_args!("{name:?} is no plain file name")));
        }
        if !names.insert(name) {
            return Err(PartsError::bug(directory, format_args!("two files would be named {name:?}")));
        }
    }
    match request.replaces.iter().map(|replaced| &replaced.name).find(|name| !plain(name)) {
        Some(name) => Err(PartsError::bug(directory, format_args!("{name:?} is no plain file name"))),
        None => Ok(names),
    }
}

/// Nothing may lie there but what this publication writes, what it replaces, and what a killed one left half done.
fn refuse_strangers(
    fs: &Arc<dyn FileSystem>,
    directory: &Path,
    names: &BTreeSet<&str>,
    approved: &Approved<'_>,
) -> Result<()> {
    let paths = fs.list(directory).at("list", directory)?;
    let strangers: Vec<_> = paths
        .iter()
        .map(|path| path.file_name().unwrap_or_default().to_string_lossy())
        .filter(|name| !names.contains(name.as_ref()) && !approved.contains_key(name.as_ref()))
        .filter(|name| !names.iter().any(|known| temporary_of(name, known)))
        .collect();
    let Some((first, rest)) = strangers.split_first() else { return Ok(()) };
    let listed =
        rest.iter().take(STRANGERS_NAMED - 1).fold(format!("{first:?}"), |text, name| format!("{text}, {name:?}"));
    let more = strangers.len().saturating_sub(STRANGERS_NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Err(PartsError::occupied(directory, format_args!("holds files that are not ours: {listed}{more}")))
}

/// What may go must be what it was: seen before anything is touched, for another run may just be publishing there.
fn refuse_changed(fs: &Arc<dyn FileSystem>, directory: &Path, approved: &Approved<'_>) -> Result<()> {
    approved.iter().try_for_each(|(name, id)| check_approved(fs, &directory.join(name), *id).map(drop))
}

/// Takes back the promise of an earlier publication, and stops one that is under way, unless it is done.
fn take_over(
    fs: &Arc<dyn FileSystem>,
    directory: &Path,
    names: &BTreeSet<&str>,
    approved: &Approved<'_>,
) -> Result<()> {
    let success = directory.join(SUCCESS);
    if let Some(old) = approved.get(SUCCESS) {
        remove_approved(fs, &success, *old)?;
        fs.sync_directory(directory).at("fsync directory", directory)?;
    }
    for path in fs.list(directory).at("list", directory)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !approved.contains_key(name.as_ref()) && names.iter().any(|known| temporary_of(&name, known)) {
            remove(fs, &path)?;
        }
    }
    match fs.identity(&success) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).at("look at", &success),
        Ok(_) => Err(appeared(&success)),
    }
}

/// Removes what an earlier publication left there, but what its successor replaces in one step each.
fn clear(fs: &Arc<dyn FileSystem>, request: &DirectoryRequest<'_>, approved: &Approved<'_>) -> Result<()> {
    let parts: BTreeSet<_> = request.parts.iter().map(|part| part.name.as_str()).collect();
    for (name, old) in approved {
        // The intent was just written: without it nobody would know whose a half published directory is.
        if *name != INTENT && !parts.contains(name) {
            remove_approved(fs, &request.directory.join(name), *old)?;
        }
    }
    Ok(())
}

/// Writes a file whose name must be free, or that of `replaces`. By what it is known again, where the system can tell:
/// looked at before others can put theirs in its place.
fn write(fs: &Arc<dyn FileSystem>, target: &Path, bytes: &[u8], replaces: Option<FileId>) -> Result<Option<FileId>> {
    let staged = stage(fs, target, bytes)?;
    let id = fs.identity(&staged).ok();
    put(fs, &staged, target, replaces).map(|()| id)
}

/// Writes a file durably beside `target`.
fn stage(fs: &Arc<dyn FileSystem>, target: &Path, bytes: &[u8]) -> Result<PathBuf> {
    let mut sink = create_beside(fs, target)?;
    sink.write_all(bytes).at("write", sink.path())?;
    let temporary = sink.path().to_path_buf();
    sink.stage()?;
    Ok(temporary)
}

/// Gives a staged file its name.
fn put(fs: &Arc<dyn FileSystem>, temporary: &Path, target: &Path, replaces: Option<FileId>) -> Result<()> {
    commit(fs, temporary, target, replaces).map_err(|error| given_up(fs, temporary, target, error))
}

/// The failure of a name that could not be taken, once its temporary is gone. Where it was gone before, another run that
/// publishes here has swept it, or somebody took it away with the directory.
fn given_up(fs: &Arc<dyn FileSystem>, temporary: &Path, target: &Path, error: PartsError) -> PartsError {
    match fs.remove_file(temporary) {
        Err(absent) if absent.kind() == ErrorKind::NotFound && error.kind() == Some(ErrorKind::NotFound) => {
            gone(fs, parent(target))
        }
        _ => error, // the next run clears leftovers
    }
}

/// Gives the part its name in the directory; that name is durable once the directory is.
fn place(fs: &Arc<dyn FileSystem>, part: &DirectoryPart, target: &Path, replaces: Option<FileId>) -> Result<()> {
    let source = part.source.as_path();
    let mut file = fs.open(source).map_err(|e| PartsError::read("open", source, e))?;
    compare(source, &mut file, &part.receipt, &mut |_| Ok(()))?;
    // An earlier publication of this part is this very file.
    if matches!((fs.identity(target), fs.identity(source)), (Ok(there), Ok(here)) if there == here) {
        return Ok(());
    }
    let temporary = match link_beside(fs, source, target) {
        Ok(temporary) => temporary,
        Err(_) => copy_beside(fs, part, file, target)?,
    };
    let taken = take(fs, &temporary, target, replaces);
    taken.map_err(|error| given_up(fs, &temporary, target, error)).or_else(|error| {
        let at_target = error.code == Code::Occupied && error.path == target;
        if at_target { adopt(fs, part, target) } else { Err(error) }
    })
}

/// A second name for `source` beside `target`.
fn link_beside(fs: &Arc<dyn FileSystem>, source: &Path, target: &Path) -> std::io::Result<PathBuf> {
    loop {
        let temporary = temporary_beside(target);
        match fs.link(source, &temporary) {
            // A crashed process that had our number left it; some later count is free.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            linked => return linked.map(|()| temporary),
        }
    }
}

/// A durable copy of the part beside `target`.
fn copy_beside(fs: &Arc<dyn FileSystem>, part: &DirectoryPart, mut file: File, target: &Path) -> Result<PathBuf> {
    let source = part.source.as_path();
    file.rewind().map_err(|e| PartsError::read("read", source, e))?;
    let mut sink = create_beside(fs, target)?;
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => sink.write_all(&buffer[..count]).at("write", sink.path())?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(PartsError::read("read", source, error)),
        }
    }
    let temporary = sink.path().to_path_buf();
    if sink.stage()?.1 == part.receipt.sha256 {
        return Ok(temporary);
    }
    let _ = fs.remove_file(&temporary); // the failure below says more
    Err(PartsError::data(source, "it changed while it was copied"))
}

/// A file that has the part's name already stays if it is the part: a killed publication copied it.
fn adopt(fs: &Arc<dyn FileSystem>, part: &DirectoryPart, target: &Path) -> Result<()> {
    let mut file = fs.open(target).map_err(|e| PartsError::read("open", target, e))?;
    compare(target, &mut file, &part.receipt, &mut |_| Ok(())).map_err(|_| appeared(target))
}
