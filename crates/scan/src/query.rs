//! One SELECT: prepared, bound, run, and fetched chunk by chunk.

use crate::api::{self, Api, Handle, RawResult, SUCCESS};
use crate::chunk::Chunk;
use crate::database::{Connection, result_failure};
use crate::error::Failure;
use batch_core_error::Error;
use std::ffi::CString;
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;

/// How DuckDB hands over the rows of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fetch {
    /// A few vectors at a time, computed as they are asked for.
    #[default]
    Streaming,
    /// All rows computed and held by DuckDB before the first one is handed over.
    Materialised,
}

/// A value for `$1`, `$2`, ...
pub(crate) enum Value<'a> {
    Text(&'a str),
    Integer(i64),
}

/// What stops a query: DuckDB's objection, or this crate's own.
pub(crate) enum Stop {
    Failed(Failure),
    Refused(Error),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

/// A result being fetched. Holds its connection.
pub(crate) struct Rows {
    raw: RawResult,
    pub(crate) connection: Rc<Connection>,
}

impl Rows {
    /// Runs `sql` with `values` for its parameters.
    pub(crate) fn start(
        connection: &Rc<Connection>,
        sql: &str,
        values: &[Value<'_>],
        fetch: Fetch,
    ) -> Result<Self, Stop> {
        let api = connection.api();
        let mut prepared = Prepared::new(connection, sql)?;
        prepared.bind(values)?;
        let pending = prepared.begin(fetch)?;
        let mut rows = Self { raw: RawResult::empty(), connection: Rc::clone(connection) };
        // SAFETY: the pending result is alive, and `rows` destroys the result whether or not this succeeds.
        let state = unsafe { (api.execute_pending)(pending.raw, &raw mut rows.raw) };
        if state == SUCCESS { Ok(rows) } else { Err(rows.failure().into()) }
    }

    fn api(&self) -> &'static Api {
        self.connection.api()
    }

    fn failure(&mut self) -> Failure {
        // SAFETY: `execute_pending` filled the result in, and only `drop` destroys it.
        unsafe { result_failure(self.connection.api(), &mut self.raw) }
    }

    pub(crate) fn columns(&mut self) -> usize {
        // SAFETY: a live result.
        let count = unsafe { (self.api().column_count)(&raw mut self.raw) };
        usize::try_from(count).unwrap_or(0)
    }

    pub(crate) fn column_name(&mut self, index: usize) -> String {
        // SAFETY: a live result; an index out of range is answered with null.
        let name = unsafe { (self.api().column_name)(&raw mut self.raw, index as u64) };
        // SAFETY: null, or a string that lives as long as the result.
        unsafe { api::text(name) }
    }

    pub(crate) fn column_type(&mut self, index: usize) -> Result<LogicalType, Error> {
        // SAFETY: a live result; the type that is returned becomes the caller's to destroy.
        let raw = unsafe { (self.api().column_logical_type)(&raw mut self.raw, index as u64) };
        if raw.is_null() {
            return Err(Error::bug(format!("DuckDB gives column {index} of its result no type")));
        }
        Ok(LogicalType { api: self.api(), raw })
    }

    /// The next rows. DuckDB answers null both at the end and on an error, so the error is asked for.
    pub(crate) fn next_chunk(&mut self) -> Result<Option<Chunk>, Stop> {
        // SAFETY: a live result, which the C API takes by value and does not keep.
        let raw = unsafe { (self.api().fetch_chunk)(self.raw) };
        if raw.is_null() {
            // SAFETY: a live result.
            let message = unsafe { (self.api().result_error)(&raw mut self.raw) };
            return if message.is_null() { Ok(None) } else { Err(self.failure().into()) };
        }
        // SAFETY: just fetched from this connection's instance, and owned by nobody yet.
        let chunk = unsafe { Chunk::from_raw(raw, Arc::clone(&self.connection.database)) }?;
        Ok((chunk.rows() > 0).then_some(chunk))
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        // SAFETY: empty or filled in by `execute_pending`, destroyed once, and before the connection that `self` holds.
        unsafe { (self.api().destroy_result)(&raw mut self.raw) };
    }
}

/// The type of a column.
pub(crate) struct LogicalType {
    api: &'static Api,
    pub(crate) raw: Handle,
}

impl LogicalType {
    /// A `duckdb_type`.
    pub(crate) fn id(&self) -> u32 {
        // SAFETY: a live logical type.
        unsafe { (self.api.get_type_id)(self.raw) }
    }

    /// Digits in all and after the point; zeros for any other type than DECIMAL.
    pub(crate) fn decimal(&self) -> (u8, u8) {
        // SAFETY: a live logical type; DuckDB checks that it is a DECIMAL.
        let width = unsafe { (self.api.decimal_width)(self.raw) };
        // SAFETY: as above.
        (width, unsafe { (self.api.decimal_scale)(self.raw) })
    }
}

impl Drop for LogicalType {
    fn drop(&mut self) {
        // SAFETY: made for `self` and destroyed once.
        unsafe { (self.api.destroy_logical_type)(&raw mut self.raw) };
    }
}

struct Prepared<'c> {
    raw: Handle,
    connection: &'c Connection,
}

impl<'c> Prepared<'c> {
    fn new(connection: &'c Connection, sql: &str) -> Result<Self, Stop> {
        let api = connection.api();
        let text = CString::new(sql).map_err(|_| Error::config("a column name has a NUL in it"))?;
        // Destroyed even if preparing fails, for the message lives in it.
        let mut prepared = Self { raw: ptr::null_mut(), connection };
        // SAFETY: the connection is open, the text is a C string, and the handle is written before it is read.
        let state = unsafe { (api.prepare)(connection.raw, text.as_ptr(), &raw mut prepared.raw) };
        if state == SUCCESS {
            return Ok(prepared);
        }
        // SAFETY: a live statement, or null, which is answered with null.
        let message = unsafe { (api.prepare_error)(prepared.raw) };
        // SAFETY: null, or a string that lives as long as the statement.
        Err(Failure::new(0, &unsafe { api::text(message) }).into())
    }

    fn bind(&mut self, values: &[Value<'_>]) -> Result<(), Error> {
        let api = self.connection.api();
        for (index, value) in (1u64..).zip(values) {
            let state = match value {
                Value::Text(text) => {
                    let (start, length) = (text.as_ptr().cast(), text.len() as u64);
                    // SAFETY: a live statement; DuckDB copies exactly `length` bytes, which are valid UTF-8.
                    unsafe { (api.bind_varchar_length)(self.raw, index, start, length) }
                }
                // SAFETY: a live statement; an index out of range is an error.
                Value::Integer(number) => unsafe { (api.bind_int64)(self.raw, index, *number) },
            };
            if state != SUCCESS {
                return Err(Error::bug(format!("DuckDB refused parameter {index}")));
            }
        }
        Ok(())
    }

    fn begin(&mut self, fetch: Fetch) -> Result<Pending, Failure> {
        let api = self.connection.api();
        let begin = match fetch {
            // Marked deprecated, without a successor; should it go, the other arm is complete.
            Fetch::Streaming => api.pending_prepared_streaming,
            Fetch::Materialised => api.pending_prepared,
        };
        let mut pending = Pending { api, raw: ptr::null_mut() };
        // SAFETY: a live statement with all parameters bound; the handle is destroyed by `pending` in any case.
        let state = unsafe { begin(self.raw, &raw mut pending.raw) };
        if state == SUCCESS {
            return Ok(pending);
        }
        // SAFETY: a live pending result, or null, which is answered with null.
        let message = unsafe { (api.pending_error)(pending.raw) };
        // SAFETY: null, or a string that lives as long as the pending result.
        Err(Failure::new(0, &unsafe { api::text(message) }))
    }
}

impl Drop for Prepared<'_> {
    fn drop(&mut self) {
        // SAFETY: null or made by `duckdb_prepare`, destroyed once, while the connection is still open.
        unsafe { (self.connection.api().destroy_prepare)(&raw mut self.raw) };
    }
}

struct Pending {
    api: &'static Api,
    raw: Handle,
}

impl Drop for Pending {
    fn drop(&mut self) {
        // SAFETY: null or made by `begin`, destroyed once.
        unsafe { (self.api.destroy_pending)(&raw mut self.raw) };
    }
}
