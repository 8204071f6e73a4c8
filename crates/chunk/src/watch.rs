//! How another thread follows a chunk and stops it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Shared by a run's owner, its workers and its publication: rows done so far, and whether to stop.
#[derive(Debug, Default)]
pub struct Watch {
    rows: AtomicU64,
    published: AtomicU64,
    cancelled: AtomicBool,
}

impl Watch {
    /// Adds rows that were scanned and dealt with.
    pub fn add_rows(&self, rows: u64) {
        // Relaxed: the count is for people; nothing is read on the strength of it.
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }

    /// Rows dealt with since the watch began.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Says how many rows of finished parts are in the output, which takes them in while others are scored.
    pub fn set_published(&self, rows: u64) {
        self.published.store(rows, Ordering::Relaxed);
    }

    /// Rows that are in the output.
    #[must_use]
    pub fn published(&self) -> u64 {
        self.published.load(Ordering::Relaxed)
    }

    /// Asks every chunk under this watch to stop at its next batch.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether to stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}
