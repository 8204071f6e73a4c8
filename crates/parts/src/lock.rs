//! One process at a time works on a job, and the kernel vouches for it.
//!
//! The lock belongs to the open file, not to the process or to a number in a file: it ends with the process however that
//! dies, it does not pass to programs the process starts, and a second lock in the same process is refused like one from
//! outside. No timeout ever has to guess whether a holder lives. The text in the file only tells people who it is; it
//! proves nothing, so it may be stale.

use crate::error::{At, PartsError, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

/// A probe holds the lock for an instant, and a holder writes its text an instant after it got it: whoever meets either
/// looks again, this often.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(5);

/// More is no holder's text.
const HOLDER_BYTES_MAX: u64 = 4_096;

/// The lock of a job, held until dropped or until the process ends in whatever way.
#[derive(Debug)]
pub struct JobLock {
    file: File,
}

/// Somebody else has the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// What they said of themselves when they took it; empty when they have not yet.
    pub holder: String,
}

impl JobLock {
    /// Takes the lock file at `path`, creating it if need be, and writes `holder` into it ("pid P on host H since T").
    /// The directory must exist. The file stays when the lock is released: removing it could take it from a successor.
    /// A file that has another name too is left to that, and a new one takes its place.
    ///
    /// # Errors
    /// As the operating system says; `OUTPUT_UNWRITABLE` for what is no lock file of ours: a link, which might lead to a
    /// file that is not to be written into, a pipe, another user's. That somebody holds the lock is no error but the inner
    /// `Err`.
    pub fn acquire(path: &Path, holder: &str) -> Result<Result<Self, Held>> {
        let mut text = String::new();
        for attempt in 0..TRIES {
            if attempt > 0 {
                std::thread::sleep(PAUSE);
            }
            let mut file = ours(OpenOptions::new().read(true).write(true).create(true).truncate(false), path)?;
            match file.try_lock() {
                // Whoever held it may have put another file in its place.
                Ok(()) if !is_at(&file, path)? => {}
                Ok(()) => {
                    if names(&file).at("look at", path)? > 1 {
                        file = replaced(path)?;
                    }
                    let mut lock = Self { file };
                    tell(&mut lock.file, holder).at("write", path)?;
                    return Ok(Ok(lock));
                }
                Err(TryLockError::WouldBlock) => text = read(&mut file).at("read", path)?,
                Err(TryLockError::Error(error)) => return Err(error).at("lock", path),
            }
        }
        Ok(Err(Held { holder: text }))
    }

    /// Whether anybody holds the lock. Waits for nobody, and a holder never notices. What is no lock file is held by nobody.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn is_held(path: &Path) -> Result<bool> {
        let file = match plain(OpenOptions::new().read(true)).open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound || is_link(&error) || is_socket(&error) => {
                return Ok(false);
            }
            opened => opened.at("open", path)?,
        };
        if !file.metadata().at("look at", path)?.is_file() {
            return Ok(false);
        }
        is_locked(&file).at("lock", path)
    }

    /// Who holds the lock, in its own words; `None` when nobody does. For a request that is to reach this holder and no
    /// other: a text that a dead one left is not taken for that of a holder of this instant.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn holder(path: &Path) -> Result<Option<String>> {
        for _ in 0..TRIES {
            if !Self::is_held(path)? {
                return Ok(None);
            }
            // A holder has its text in place well before this is over.
            std::thread::sleep(PAUSE);
            let text = plain(OpenOptions::new().read(true)).open(path).and_then(|mut file| read(&mut file));
            let text = text.at("read", path)?;
            if !text.is_empty() {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }
}

/// Whether somebody has the lock of this file. Asked with a shared one, so that probes do not see each other.
fn is_locked(file: &File) -> std::io::Result<bool> {
    match file.try_lock_shared() {
        Ok(()) => file.unlock().map(|()| false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Opens a regular file of our own, and nothing else: a lock file is written into.
fn ours(options: &mut OpenOptions, path: &Path) -> Result<File> {
    let file = match plain(options).open(path) {
        Err(error) if is_link(&error) => return Err(PartsError::foreign(path, "is a symbolic link")),
        Err(error) if error.kind() == ErrorKind::IsADirectory || is_socket(&error) => {
            return Err(PartsError::foreign(path, "is not a regular file"));
        }
        opened => opened.at("open", path)?,
    };
    let facts = file.metadata().at("look at", path)?;
    if !facts.is_file() {
        return Err(PartsError::foreign(path, "is not a regular file"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        // SAFETY: geteuid takes nothing, touches no memory and cannot fail.
        let user = unsafe { libc::geteuid() };
        if user != 0 && facts.uid() != user {
            return Err(PartsError::foreign(path, "belongs to another user"));
        }
    }
    Ok(file)
}

/// The text is for people and for what they ask of a holder, and proves nothing: a full disk keeps nobody from the lock.
fn tell(file: &mut File, holder: &str) -> std::io::Result<()> {
    let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(holder.as_bytes()));
    match written {
        Err(error) if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => Ok(()),
        written => written,
    }
}

/// A file of its own, locked, in the place of one that has another name too: under that it may be something else, or belong
/// to a backup made of hard links. To be called by whoever holds the lock of that one.
fn replaced(path: &Path) -> Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    let temporary = Path::new(&name);
    match std::fs::remove_file(temporary) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).at("remove", temporary),
        _ => {}
    }
    let file =
        plain(OpenOptions::new().read(true).write(true).create_new(true)).open(temporary).at("create", temporary)?;
    // Nobody else knows the name: nobody has it.
    file.lock().at("lock", temporary)?;
    std::fs::rename(temporary, path).at("rename", temporary)?;
    Ok(file)
}

/// Whether `file` is what lies at `path` now.
fn is_at(file: &File, path: &Path) -> Result<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let there = match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            there => there.at("look at", path)?,
        };
        let own = file.metadata().at("look at", path)?;
        Ok(there.dev() == own.dev() && there.ino() == own.ino())
    }
    #[cfg(not(unix))]
    Ok(true)
}

/// How many names `file` has.
fn names(file: &File) -> std::io::Result<u64> {
    #[cfg(unix)]
    return file.metadata().map(|facts| std::os::unix::fs::MetadataExt::nlink(&facts));
    #[cfg(not(unix))]
    Ok(1)
}

/// Follows no link at the last name, and waits for nobody at a pipe.
fn plain(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).mode(0o600);
    }
    options
}

/// A socket, or a device without a driver: what cannot be opened at all.
fn is_socket(error: &std::io::Error) -> bool {
    #[cfg(unix)]
    return error.raw_os_error() == Some(libc::ENXIO);
    #[cfg(not(unix))]
    return false;
}

fn is_link(error: &std::io::Error) -> bool {
    #[cfg(unix)]
    return error.raw_os_error() == Some(libc::ELOOP);
    #[cfg(not(unix))]
    return false;
}

fn read(file: &mut File) -> std::io::Result<String> {
    let mut text = Vec::new();
    file.rewind()?;
    file.take(HOLDER_BYTES_MAX).read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

impl Drop for JobLock {
    fn drop(&mut self) {
        // An empty file says that the lock was released in order: emptied while it is ours, for then it holds the words of
        // the next. One that was given another name meanwhile is left as it is there.
        if names(&self.file).is_ok_and(|names| names == 1) {
            let _ = self.file.set_len(0);
        }
        // Closing the file is not enough: a program that is being started has our descriptors until it runs.
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests;
