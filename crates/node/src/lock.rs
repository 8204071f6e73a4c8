//! The job lock: the kernel holds it, so it is proof of life.

use crate::error::{Thrown, waist};
use batch_core_parts::JobLock as Lock;
use napi_derive::napi;
use std::path::Path;

/// A lock file held until it is released or the process dies.
#[napi]
pub struct JobLock {
    held: Option<Lock>,
    holder: Option<String>,
}

#[napi]
impl JobLock {
    /// Tries to take the lock. When another process has it, `holder` says who and this object holds nothing.
    #[napi(factory)]
    pub fn acquire(path: String, holder: String) -> Result<Self, Thrown> {
        waist(|| {
            Ok(match Lock::acquire(Path::new(&path), &holder)? {
                Ok(lock) => Self { held: Some(lock), holder: None },
                Err(held) => Self { held: None, holder: Some(held.holder) },
            })
        })
    }

    /// Who has it, when that is not us.
    #[napi(getter)]
    #[must_use]
    pub fn holder(&self) -> Option<String> {
        self.holder.clone()
    }

    /// Lets go.
    #[napi]
    pub fn release(&mut self) {
        self.held = None;
    }
}

/// Whether some process holds the lock.
#[napi]
pub fn lock_is_held(path: String) -> Result<bool, Thrown> {
    waist(|| Lock::is_held(Path::new(&path)))
}

/// Who holds the lock, in its own words; nothing when nobody does.
#[napi]
pub fn lock_holder(path: String) -> Result<Option<String>, Thrown> {
    waist(|| Lock::holder(Path::new(&path)))
}
