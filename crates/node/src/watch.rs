//! Watches by number, so that the owner's thread and a worker's thread can name the same one.

use crate::error::failure;
use batch_core_chunk::{ChunkError, Watch};
use napi_derive::napi;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

#[derive(Default)]
struct Watches {
    last: u32,
    open: HashMap<u32, Arc<Watch>>,
}

fn watches() -> MutexGuard<'static, Watches> {
    static WATCHES: LazyLock<Mutex<Watches>> = LazyLock::new(Mutex::default);
    // The map is whole after every statement that changes it, so a panic elsewhere leaves nothing half-done.
    WATCHES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens a watch and returns its number.
#[napi]
#[must_use]
pub fn open_watch() -> u32 {
    let mut watches = watches();
    watches.last += 1;
    let number = watches.last;
    watches.open.insert(number, Arc::default());
    number
}

/// Rows that chunks under this watch have dealt with; 0 when it is closed.
#[napi]
#[must_use]
pub fn watched_rows(watch: u32) -> f64 {
    watches().open.get(&watch).map_or(0.0, |w| w.rows() as f64)
}

/// Asks chunks under this watch to stop at their next batch.
#[napi]
pub fn cancel_watch(watch: u32) {
    if let Some(watch) = watches().open.get(&watch) {
        watch.cancel();
    }
}

/// Asks a task under this watch to begin no other chunk.
#[napi]
pub fn drain_watch(watch: u32) {
    if let Some(watch) = watches().open.get(&watch) {
        watch.drain();
    }
}

/// Closes a watch; chunks that run keep their share of it.
#[napi]
pub fn close_watch(watch: u32) {
    watches().open.remove(&watch);
}

pub(crate) fn find(watch: u32) -> Result<Arc<Watch>, ChunkError> {
    watches().open.get(&watch).cloned().ok_or_else(|| failure("BUG", format!("watch {watch} is not open")))
}
