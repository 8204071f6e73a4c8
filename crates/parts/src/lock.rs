//! One process at a time works on a job, and the kernel vouches for it.

use crate::error::{At, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

/// A probe holds the lock for an instant; an acquirer that meets one tries again.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(5);

/// The lock of a job, held until dropped or until the process ends in whatever way.
#[derive(Debug)]
pub struct JobLock {
    file: File,
}

/// Somebody else has the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// What they said of themselves when they took it.
    pub holder: String,
}

impl JobLock {
    /// Takes the lock file at `path`, creating it if need be, and writes `holder` into it ("pid P on host H since T").
    ///
    /// # Errors
    /// As the operating system says. That somebody holds the lock is no error but the inner `Err`.
    pub fn acquire(path: &Path, holder: &str) -> Result<Result<Self, Held>> {
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).clone();
        let mut file = options.open(path).at("open", path)?;
        for attempt in 1..=TRIES {
            match file.try_lock() {
                Ok(()) => {
                    file.set_len(0).at("write", path)?;
                    file.rewind().at("write", path)?;
                    file.write_all(holder.as_bytes()).at("write", path)?;
                    return Ok(Ok(Self { file }));
                }
                Err(TryLockError::WouldBlock) if attempt < TRIES => std::thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error).at("lock", path),
            }
        }
        let mut text = String::new();
        file.rewind().at("read", path)?;
        file.read_to_string(&mut text).at("read", path)?;
        Ok(Err(Held { holder: text }))
    }

    /// Whether anybody holds the lock. Neither waits nor disturbs the holder.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn is_held(path: &Path) -> Result<bool> {
        let file = match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            opened => opened.at("open", path)?,
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error).at("lock", path),
        }
    }
}

impl Drop for JobLock {
    fn drop(&mut self) {
        // Closing the file releases the lock; an empty file says that it was released in order.
        let _ = self.file.set_len(0);
    }
}
