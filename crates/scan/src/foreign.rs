//! Columns without a shared layout, through DuckDB's own conversion to the Arrow C data interface.
//!
//! Strings, lists, structs, booleans (a bit each in Arrow), UUIDs and the like. The conversion copies, so it runs on
//! those columns alone: they are referenced, not copied, into a second chunk, and that chunk is converted.

use crate::api::{self, Api, Handle};
use crate::chunk::Chunk;
use crate::database::{Connection, Database};
use crate::error::Failure;
use crate::query::LogicalType;
use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi};
use arrow_array::{Array, ArrayRef, StructArray};
use arrow_schema::{DataType, FieldRef};
use batch_core_error::Error;
use std::ffi::{CString, c_char};
use std::ptr;
use std::rc::Rc;

/// The converter of some columns of one result.
pub(crate) struct Foreign {
    /// Positions of the columns in the result's chunks.
    positions: Vec<usize>,
    types: Vec<LogicalType>,
    options: Options,
    schema: FFI_ArrowSchema,
    fields: Vec<FieldRef>,
}

impl Foreign {
    /// A converter of the columns at the given positions, of the given names and types.
    pub(crate) fn new(connection: &Rc<Connection>, columns: Vec<(usize, String, LogicalType)>) -> Result<Self, Error> {
        let options = Options::of(connection)?;
        let (mut positions, mut names, mut types) = (Vec::new(), Vec::new(), Vec::new());
        for (position, name, logical) in columns {
            positions.push(position);
            names.push(name);
            types.push(logical);
        }
        let described = options.describe(&names, &types).map_err(|error| {
            // DuckDB does not say which column it is.
            let alone = |index: usize| options.describe(&names[index..=index], &types[index..=index]);
            let found = (0..names.len()).find_map(|index| Some((&names[index], alone(index).err()?)));
            found.map_or(error, |(name, error)| refused(name, &error))
        });
        let (schema, fields) = described?;
        Ok(Self { positions, types, options, schema, fields })
    }

    /// The Arrow fields of the columns, in order.
    pub(crate) fn fields(&self) -> &[FieldRef] {
        &self.fields
    }

    /// Converts the columns of one chunk.
    pub(crate) fn convert(&self, chunk: &Chunk) -> Result<Vec<ArrayRef>, Error> {
        let database = &self.options.connection.database;
        let selected = Selected::new(database, &self.types)?;
        for (target, position) in self.positions.iter().enumerate() {
            selected.reference(target, chunk.vector(*position)?)?;
        }
        selected.set_rows(chunk.rows());
        let mut converted = FFI_ArrowArray::empty();
        // SAFETY: options and chunk are alive; the array is written whole or left released, and frees itself.
        let failure = unsafe { (database.api.data_chunk_to_arrow)(self.options.raw, selected.raw, &raw mut converted) };
        // SAFETY: what the function just returned.
        unsafe { outcome(database.api, failure) }.map_err(|failure| failure.error())?;
        // SAFETY: DuckDB made the array for the types of `self.schema`, under the same options.
        let data = unsafe { from_ffi(converted, &self.schema) }
            .map_err(|error| Error::bug(format!("DuckDB's Arrow array does not match its schema: {error}")))?;
        let rows = StructArray::from(data);
        if rows.len() != chunk.rows() || rows.num_columns() != self.positions.len() {
            return Err(Error::bug("DuckDB's Arrow array has another shape than the chunk it was made from"));
        }
        Ok(rows.columns().to_vec())
    }
}

/// How DuckDB renders types in Arrow, for one connection, which is held: the options point into it.
struct Options {
    raw: Handle,
    connection: Rc<Connection>,
}

impl Options {
    fn of(connection: &Rc<Connection>) -> Result<Self, Error> {
        let mut options = Self { raw: ptr::null_mut(), connection: Rc::clone(connection) };
        // SAFETY: the connection is open, and the handle is written before it is read.
        unsafe { (connection.api().connection_get_arrow_options)(connection.raw, &raw mut options.raw) };
        if options.raw.is_null() {
            return Err(Error::bug("DuckDB gave no Arrow options"));
        }
        Ok(options)
    }

    /// The Arrow schema of columns of the given names and types, as DuckDB hands it over and as arrow-rs reads it.
    fn describe(&self, names: &[String], types: &[LogicalType]) -> Result<(FFI_ArrowSchema, Vec<FieldRef>), Error> {
        let api = self.connection.api();
        let names: Result<Vec<_>, _> = names.iter().map(|name| CString::new(name.as_str())).collect();
        let names = names.map_err(|_| Error::config("a column name has a NUL in it"))?;
        let mut raw_names: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
        let mut raw_types = raw(types);
        let mut schema = FFI_ArrowSchema::empty();
        // SAFETY: options, types and names are alive and as many as the count says; the schema is written whole or
        // left released, and its own drop calls DuckDB's release.
        let failure = unsafe {
            (api.to_arrow_schema)(
                self.raw,
                raw_types.as_mut_ptr(),
                raw_names.as_mut_ptr(),
                types.len() as u64,
                &raw mut schema,
            )
        };
        // SAFETY: what the function just returned.
        unsafe { outcome(api, failure) }.map_err(|failure| Error::config(failure.text))?;
        match DataType::try_from(&schema) {
            Ok(DataType::Struct(fields)) => Ok((schema, fields.iter().cloned().collect())),
            Ok(other) => Err(Error::bug(format!("DuckDB describes rows as {other}"))),
            Err(error) => Err(Error::config(error.to_string())),
        }
    }
}

fn refused(name: &str, error: &Error) -> Error {
    Error::config(format!("column \"{name}\" cannot be copied: {error}")).in_column(name)
}

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: made for `self`, destroyed once, while the connection it points into is still open.
        unsafe { (self.connection.api().destroy_arrow_options)(&raw mut self.raw) };
    }
}

/// A chunk whose vectors refer to some of another chunk's.
struct Selected<'d> {
    raw: Handle,
    database: &'d Database,
}

impl<'d> Selected<'d> {
    fn new(database: &'d Database, types: &[LogicalType]) -> Result<Self, Error> {
        let mut raw_types = raw(types);
        // SAFETY: the types are alive and as many as the count says; DuckDB copies them.
        let raw = unsafe { (database.api.create_data_chunk)(raw_types.as_mut_ptr(), raw_types.len() as u64) };
        if raw.is_null() {
            return Err(Error::bug("DuckDB made no chunk for the copied columns"));
        }
        Ok(Self { raw, database })
    }

    fn reference(&self, index: usize, source: Handle) -> Result<(), Error> {
        // SAFETY: the chunk is alive; DuckDB answers an index out of range with null.
        let target = unsafe { (self.database.api.data_chunk_get_vector)(self.raw, index as u64) };
        if target.is_null() {
            return Err(Error::bug(format!("DuckDB made a chunk without column {index}")));
        }
        // SAFETY: both vectors are alive and of one type; the memory is shared by DuckDB's reference counts.
        unsafe { (self.database.api.vector_reference_vector)(target, source) };
        Ok(())
    }

    fn set_rows(&self, rows: usize) {
        // SAFETY: the chunk is alive, and each of its vectors refers to one of at least `rows` rows.
        unsafe { (self.database.api.data_chunk_set_size)(self.raw, rows as u64) };
    }
}

impl Drop for Selected<'_> {
    fn drop(&mut self) {
        // SAFETY: made by `new` and destroyed once.
        unsafe { (self.database.api.destroy_data_chunk)(&raw mut self.raw) };
    }
}

fn raw(types: &[LogicalType]) -> Vec<Handle> {
    types.iter().map(|logical| logical.raw).collect()
}

/// Turns error data into a result and destroys it; null means success.
///
/// # Safety
/// `error` is null or error data of DuckDB that nobody else destroys.
unsafe fn outcome(api: &Api, mut error: Handle) -> Result<(), Failure> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: live error data, by this function's own contract.
    let message = unsafe { (api.error_data_message)(error) };
    // SAFETY: as above.
    let error_type = unsafe { (api.error_data_error_type)(error) };
    // SAFETY: null, or a string that lives as long as the error data.
    let failure = Failure::new(error_type, &unsafe { api::text(message) });
    // SAFETY: destroyed once, and not read after.
    unsafe { (api.destroy_error_data)(&raw mut error) };
    Err(failure)
}
