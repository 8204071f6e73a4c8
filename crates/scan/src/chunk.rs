//! A data chunk of DuckDB, owned.

use crate::api::{Api, Handle};
use crate::database::Database;
use batch_core_error::Error;
use std::ptr::NonNull;
use std::sync::Arc;

/// Up to 2,048 rows in flat vectors.
///
/// DuckDB copies or moves the rows into the chunk when it hands it out, so a chunk depends on neither its result nor
/// its connection; it keeps the instance all the same, whose allocator its memory may be charged to.
pub(crate) struct Chunk {
    raw: Handle,
    rows: usize,
    database: Arc<Database>,
}

// SAFETY: a chunk is memory with reference counts that DuckDB keeps atomically; no thread owns it.
unsafe impl Send for Chunk {}
// SAFETY: nothing writes to the vectors after the fetch; through `&Chunk` they are only read.
unsafe impl Sync for Chunk {}

impl std::panic::RefUnwindSafe for Chunk {}

/// Where a column of a chunk lies.
pub(crate) struct Lanes {
    pub(crate) values: NonNull<u8>,
    /// Absent when every row is valid; else one bit a row, set when valid, least significant first.
    pub(crate) validity: Option<NonNull<u8>>,
}

impl Chunk {
    /// Takes ownership of what `duckdb_fetch_chunk` returned.
    ///
    /// # Safety
    /// `raw` is a data chunk of `database` that nobody else destroys.
    pub(crate) unsafe fn from_raw(raw: Handle, database: Arc<Database>) -> Result<Self, Error> {
        // SAFETY: a live data chunk, by this function's own contract.
        let size = unsafe { (database.api.data_chunk_get_size)(raw) };
        let chunk = Self { raw, rows: usize::try_from(size).unwrap_or(usize::MAX), database };
        // The vectors hold no more than this, whatever a broken library may say; buffers are sized by it.
        if chunk.rows > VECTOR_ROWS {
            return Err(Error::bug(format!("DuckDB handed out a chunk of {size} rows")));
        }
        Ok(chunk)
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    fn api(&self) -> &'static Api {
        self.database.api
    }

    /// The vector of column `index`, valid as long as the chunk.
    pub(crate) fn vector(&self, index: usize) -> Result<Handle, Error> {
        // SAFETY: the chunk is alive; DuckDB answers an index out of range with null.
        let vector = unsafe { (self.api().data_chunk_get_vector)(self.raw, index as u64) };
        if vector.is_null() {
            return Err(Error::bug(format!("DuckDB handed out a chunk without column {index}")));
        }
        Ok(vector)
    }

    /// The memory of column `index`, valid as long as the chunk.
    pub(crate) fn lanes(&self, index: usize) -> Result<Lanes, Error> {
        let vector = self.vector(index)?;
        // SAFETY: `vector` is a live vector of this chunk.
        let values = unsafe { (self.api().vector_get_data)(vector) };
        // SAFETY: as above.
        let validity = unsafe { (self.api().vector_get_validity)(vector) };
        let values = NonNull::new(values.cast())
            .ok_or_else(|| Error::bug(format!("column {index} of DuckDB's chunk has no memory")))?;
        Ok(Lanes { values, validity: NonNull::new(validity.cast()) })
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // SAFETY: owned by `self` alone and destroyed once; the library is never unloaded.
        unsafe { (self.api().destroy_data_chunk)(&raw mut self.raw) };
    }
}

/// `STANDARD_VECTOR_SIZE`.
pub(crate) const VECTOR_ROWS: usize = 2048;
