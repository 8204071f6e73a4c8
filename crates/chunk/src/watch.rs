//! How another thread follows a chunk and stops it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Shared by who asked for something and who does it: rows done so far, and whether to stop.
#[derive(Debug, Default)]
pub struct Watch {
    rows: AtomicU64,
    cancelled: AtomicBool,
    drained: AtomicBool,
}

impl Watch {
    /// Adds rows that were scanned and dealt with.
    pub fn add_rows(&self, rows: u64) {
        // Relaxed: the count is for people; nothing is read on the strength of it.
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }

    /// Says how many rows were dealt with in all.
    pub fn set_rows(&self, rows: u64) {
        self.rows.store(rows, Ordering::Relaxed);
    }

    /// Rows dealt with since the watch began.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
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

    /// Asks that no chunk be begun any more; one that is at work goes on.
    pub fn drain(&self) {
        self.drained.store(true, Ordering::Relaxed);
    }

    /// Whether to begin no other chunk.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.drained.load(Ordering::Relaxed)
    }
}
