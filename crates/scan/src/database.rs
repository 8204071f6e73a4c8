//! An in-memory DuckDB on the calling thread, locked down before it meets a user's path.

use crate::api::{self, Api, Handle, RawResult, SUCCESS};
use crate::error::Failure;
use batch_core_error::{Code, Error};
use std::ffi::{CString, c_char};
use std::path::Path;
use std::ptr;
use std::sync::Arc;

/// What an instance is opened with.
pub(crate) struct Settings<'a> {
    pub(crate) temp_directory: Option<&'a Path>,
    pub(crate) memory_limit_bytes: Option<u64>,
    /// The only files the instance may ever open, as DuckDB will be asked for them.
    pub(crate) allowed_paths: &'a [String],
}

/// An instance; closed when its last connection, result and batch have let go of it.
pub(crate) struct Database {
    pub(crate) api: &'static Api,
    raw: Handle,
}

// SAFETY: `duckdb_database` is a reference-counted instance that guards itself with locks; the C API documents
// connecting to and closing it from any thread.
unsafe impl Send for Database {}
// SAFETY: as above; through `&Database` this crate only connects.
unsafe impl Sync for Database {}

impl std::panic::RefUnwindSafe for Database {}

impl Database {
    /// Opens an instance that runs on its callers' threads alone and may read nothing but the allowed paths.
    pub(crate) fn open(api: &'static Api, settings: &Settings<'_>) -> Result<Arc<Self>, Error> {
        let database = Self::open_unlocked(api, settings.memory_limit_bytes)?;
        let connection = Connection::open(&database)?;
        for statement in lock_down(settings)? {
            connection.run(&statement).map_err(|failure| {
                let code = if failure.code() == Code::OutOfMemory { Code::OutOfMemory } else { Code::Bug };
                Error::new(code, format!("DuckDB refused `{}`: {}", excerpt(&statement), failure.text))
            })?;
        }
        Ok(database)
    }

    /// Opens an instance without locking it down.
    pub(crate) fn open_unlocked(api: &'static Api, memory_limit_bytes: Option<u64>) -> Result<Arc<Self>, Error> {
        let mut config = Config::new(api)?;
        // One thread, and no other one in the background: the caller's.
        config.set("threads", "1")?;
        if let Some(bytes) = memory_limit_bytes {
            config.set("memory_limit", &format!("{bytes}B"))?;
        }
        let mut raw = ptr::null_mut();
        let mut message: *mut c_char = ptr::null_mut();
        // SAFETY: the path is a C string, the config is alive, and both outputs are written before they are read.
        let state = unsafe { (api.open_ext)(c":memory:".as_ptr(), &raw mut raw, config.raw, &raw mut message) };
        if state != SUCCESS {
            // SAFETY: on failure DuckDB leaves a NUL-terminated message, or null.
            let text = unsafe { api::text(message) };
            // SAFETY: DuckDB allocated the message for `duckdb_free`, which also takes null.
            unsafe { (api.free)(message.cast()) };
            return Err(Error::config(format!("cannot open DuckDB: {}", Failure::new(0, &text).text)));
        }
        Ok(Arc::new(Self { api, raw }))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // SAFETY: opened by `open_unlocked`, closed once, and every connection to it holds an `Arc` of `self`.
        unsafe { (self.api.close)(&raw mut self.raw) };
    }
}

/// A configuration in the making.
struct Config {
    api: &'static Api,
    raw: Handle,
}

impl Config {
    fn new(api: &'static Api) -> Result<Self, Error> {
        let mut config = Self { api, raw: ptr::null_mut() };
        // SAFETY: writes one handle, which `drop` destroys even when creation failed half-way.
        let state = unsafe { (api.create_config)(&raw mut config.raw) };
        if state == SUCCESS { Ok(config) } else { Err(Error::bug("DuckDB gave no configuration")) }
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let (c_name, c_value) = (c_string(name)?, c_string(value)?);
        // SAFETY: the handle is a live configuration and both strings outlive the call, which copies them.
        let state = unsafe { (self.api.set_config)(self.raw, c_name.as_ptr(), c_value.as_ptr()) };
        if state == SUCCESS {
            return Ok(());
        }
        Err(Error::config(format!("DuckDB refused the setting {name} = {value}")))
    }
}

impl Drop for Config {
    fn drop(&mut self) {
        // SAFETY: created by `new` and destroyed once; DuckDB ignores a null handle.
        unsafe { (self.api.destroy_config)(&raw mut self.raw) };
    }
}

/// A connection; its raw handle keeps it on the thread that opened it.
pub(crate) struct Connection {
    pub(crate) raw: Handle,
    pub(crate) database: Arc<Database>,
}

impl Connection {
    pub(crate) fn open(database: &Arc<Database>) -> Result<Self, Error> {
        let mut raw = ptr::null_mut();
        // SAFETY: the instance is open for as long as `database` is held, and `raw` is written before it is read.
        let state = unsafe { (database.api.connect)(database.raw, &raw mut raw) };
        if state != SUCCESS {
            return Err(Error::bug("DuckDB refused a connection to its own in-memory database"));
        }
        Ok(Self { raw, database: Arc::clone(database) })
    }

    pub(crate) fn api(&self) -> &'static Api {
        self.database.api
    }

    /// Runs one statement for its effect.
    pub(crate) fn run(&self, sql: &str) -> Result<(), Failure> {
        let api = self.api();
        let sql = CString::new(sql).map_err(|_| Failure::new(0, "Parser Error: the statement has a NUL in it"))?;
        let mut result = RawResult::empty();
        // SAFETY: the connection is open, the text is a C string, and the result is destroyed below.
        let state = unsafe { (api.query)(self.raw, sql.as_ptr(), &raw mut result) };
        let outcome = if state == SUCCESS {
            Ok(())
        } else {
            // SAFETY: `duckdb_query` has filled the result in, also when it failed.
            Err(unsafe { result_failure(api, &mut result) })
        };
        // SAFETY: filled in by `duckdb_query` and destroyed once.
        unsafe { (api.destroy_result)(&raw mut result) };
        outcome
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: opened by `open` and disconnected once; the instance behind it is still held.
        unsafe { (self.database.api.disconnect)(&raw mut self.raw) };
    }
}

/// The error a result carries.
///
/// # Safety
/// `result` was filled in by DuckDB and is not destroyed yet.
pub(crate) unsafe fn result_failure(api: &Api, result: &mut RawResult) -> Failure {
    // SAFETY: a live result, by this function's own contract.
    let message = unsafe { (api.result_error)(result) };
    // SAFETY: as above.
    let error_type = unsafe { (api.result_error_type)(result) };
    // SAFETY: null or a string that lives as long as the result.
    Failure::new(error_type, &unsafe { api::text(message) })
}

/// The statements that take from an instance all it does not need, in the order DuckDB accepts them.
///
/// Exact paths, not directories: an allowed directory may also be written to. What the resource manager changes at run
/// time stays changeable; everything else is frozen by the last line.
fn lock_down(settings: &Settings<'_>) -> Result<Vec<String>, Error> {
    let temp_directory = match settings.temp_directory {
        // An in-memory instance would otherwise spill into `.tmp` of the working directory.
        None => "",
        Some(path) => path
            .to_str()
            .ok_or_else(|| Error::config(format!("the temporary directory {} is not valid UTF-8", path.display())))?,
    };
    let paths: Vec<_> = settings.allowed_paths.iter().map(|path| literal(path)).collect();
    Ok(vec![
        // Time zones in the schemas of converted columns must not depend on the machine.
        "SET GLOBAL TimeZone = 'UTC'".into(),
        // The cache answers with the footer of a file that was rewritten since, and a scan reads every byte only once.
        "SET enable_external_file_cache = false".into(),
        "SET autoinstall_known_extensions = false".into(),
        "SET autoload_known_extensions = false".into(),
        "SET allow_community_extensions = false".into(),
        "SET allow_persistent_secrets = false".into(),
        format!("SET temp_directory = {}", literal(temp_directory)),
        format!("SET allowed_paths = [{}]", paths.join(", ")),
        "SET allowed_configs = ['memory_limit', 'threads', 'streaming_buffer_size']".into(),
        "SET enable_external_access = false".into(),
        "SET lock_configuration = true".into(),
    ])
}

/// An SQL string literal. Standard strings know no escape but the doubled quote, so nothing else needs care.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn excerpt(statement: &str) -> String {
    statement.chars().take(80).collect()
}

fn c_string(text: &str) -> Result<CString, Error> {
    CString::new(text).map_err(|_| Error::config(format!("{text:?} has a NUL in it")))
}
