//! The part of DuckDB's C API that a scan needs, bound at run time.
//!
//! The library is the one that `@duckdb/node-api` ships, so the process maps it once and no second DuckDB is compiled.
//! It is bound once and never unloaded: batches release DuckDB's memory whenever their last holder lets go of them.

use crate::error::system_code;
use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use batch_core_error::{Code, Error};
use libloading::Library;
use std::ffi::{CStr, c_char, c_void};
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::{Mutex, OnceLock, PoisonError};

#[cfg(target_endian = "big")]
compile_error!("validity words are read as the bytes of Arrow's bitmaps, which holds for little-endian targets only");

/// The release whose headers the declarations below were written from.
pub const LIBRARY_VERSION: &str = "v1.5.6";

/// Any of DuckDB's opaque handles.
pub(crate) type Handle = *mut c_void;
/// `duckdb_state`.
pub(crate) type State = u32;
/// `DuckDBSuccess`.
pub(crate) const SUCCESS: State = 0;

/// `duckdb_result`: three deprecated counts, three pointers. The C API passes it by value to `duckdb_fetch_chunk`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct RawResult {
    counts: [u64; 3],
    pointers: [Handle; 3],
}

impl RawResult {
    pub(crate) fn empty() -> Self {
        Self { counts: [0; 3], pointers: [ptr::null_mut(); 3] }
    }
}

macro_rules! functions {
    ($($name:ident($($argument:ty),*) $(-> $answer:ty)?;)*) => {
        /// DuckDB's functions by their C names without the `duckdb_` in front.
        pub(crate) struct Api {
            $(pub(crate) $name: unsafe extern "C" fn($($argument),*) $(-> $answer)?,)*
        }

        impl Api {
            fn bind(library: &Library) -> Result<Self, libloading::Error> {
                Ok(Self {
                    $($name: {
                        let symbol = concat!("duckdb_", stringify!($name), "\0").as_bytes();
                        // SAFETY: the signature is the one `duckdb.h` declares for this name in the release that
                        // `load` checks for before it lets anyone call through the table.
                        *unsafe { library.get(symbol) }?
                    },)*
                })
            }
        }
    };
}

functions! {
    library_version() -> *const c_char;
    free(Handle);
    create_config(*mut Handle) -> State;
    set_config(Handle, *const c_char, *const c_char) -> State;
    destroy_config(*mut Handle);
    open_ext(*const c_char, *mut Handle, Handle, *mut *mut c_char) -> State;
    close(*mut Handle);
    connect(Handle, *mut Handle) -> State;
    disconnect(*mut Handle);
    query(Handle, *const c_char, *mut RawResult) -> State;
    prepare(Handle, *const c_char, *mut Handle) -> State;
    prepare_error(Handle) -> *const c_char;
    destroy_prepare(*mut Handle);
    bind_varchar_length(Handle, u64, *const c_char, u64) -> State;
    bind_int64(Handle, u64, i64) -> State;
    pending_prepared(Handle, *mut Handle) -> State;
    pending_prepared_streaming(Handle, *mut Handle) -> State;
    pending_error(Handle) -> *const c_char;
    execute_pending(Handle, *mut RawResult) -> State;
    destroy_pending(*mut Handle);
    result_error(*mut RawResult) -> *const c_char;
    result_error_type(*mut RawResult) -> u32;
    destroy_result(*mut RawResult);
    fetch_chunk(RawResult) -> Handle;
    column_count(*mut RawResult) -> u64;
    column_name(*mut RawResult, u64) -> *const c_char;
    column_logical_type(*mut RawResult, u64) -> Handle;
    get_type_id(Handle) -> u32;
    decimal_width(Handle) -> u8;
    decimal_scale(Handle) -> u8;
    destroy_logical_type(*mut Handle);
    create_data_chunk(*mut Handle, u64) -> Handle;
    data_chunk_get_size(Handle) -> u64;
    data_chunk_set_size(Handle, u64);
    data_chunk_get_vector(Handle, u64) -> Handle;
    destroy_data_chunk(*mut Handle);
    vector_get_data(Handle) -> Handle;
    vector_get_validity(Handle) -> *mut u64;
    vector_reference_vector(Handle, Handle);
    connection_get_arrow_options(Handle, *mut Handle);
    destroy_arrow_options(*mut Handle);
    to_arrow_schema(Handle, *mut Handle, *mut *const c_char, u64, *mut FFI_ArrowSchema) -> Handle;
    data_chunk_to_arrow(Handle, Handle, *mut FFI_ArrowArray) -> Handle;
    error_data_message(Handle) -> *const c_char;
    error_data_error_type(Handle) -> u32;
    destroy_error_data(*mut Handle);
}

/// The function table of the library at `path`, loaded on the first call.
///
/// A process has one DuckDB: a later call with another file is refused, for two copies would not know of each other.
pub(crate) fn load(path: &Path) -> Result<&'static Api, Error> {
    static LOADED: OnceLock<(PathBuf, Api)> = OnceLock::new();
    static LOADING: Mutex<()> = Mutex::new(());

    let path = path
        .canonicalize()
        .map_err(|error| Error::config(format!("cannot find the DuckDB library {}: {error}", path.display())))?;
    let _loading = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((loaded, api)) = LOADED.get() {
        if *loaded == path {
            return Ok(api);
        }
        return Err(Error::config(format!(
            "this process already uses the DuckDB library {}; it cannot use {} as well",
            loaded.display(),
            path.display()
        )));
    }
    let api = open(&path)?;
    Ok(&LOADED.get_or_init(|| (path, api)).1)
}

/// Maps the library at `path`, so that whoever needs it first need not wait for that.
///
/// # Errors
/// As a [`Scanner`](crate::Scanner) that is opened with it.
pub fn preload(path: &Path) -> Result<(), Error> {
    load(path).map(drop)
}

fn open(path: &Path) -> Result<Api, Error> {
    let refused = |reason: &dyn std::fmt::Display| {
        // A library that is there and cannot be mapped is no fault of the installation.
        let short =
            system_code(&reason.to_string()).filter(|code| [Code::OutOfMemory, Code::TooManyFiles].contains(code));
        let message = format!("cannot use the DuckDB library {}: {reason}", path.display());
        Error::new(short.unwrap_or(Code::Config), message)
    };
    // Never closed: even a library that is refused below may have started threads or registered exit handlers.
    let library = ManuallyDrop::new(dlopen(path).map_err(|error| refused(&error))?);
    let api = Api::bind(&library).map_err(|error| refused(&error))?;
    // SAFETY: takes nothing, needs no handle, and has had this signature in every release.
    let version = unsafe { (api.library_version)() };
    // SAFETY: a static, NUL-terminated string of the library.
    let version = unsafe { text(version) };
    if version != LIBRARY_VERSION {
        return Err(refused(&format!("it is DuckDB {version}, and this build was written for {LIBRARY_VERSION}")));
    }
    Ok(api)
}

#[cfg(unix)]
fn dlopen(path: &Path) -> Result<Library, libloading::Error> {
    use libloading::os::unix;
    // Local, so that DuckDB's bundled libraries cannot answer for symbols of others in the process.
    // SAFETY: loading runs DuckDB's static initializers, which the client in the same process runs too.
    let library = unsafe { unix::Library::open(Some(path), unix::RTLD_NOW | unix::RTLD_LOCAL) }?;
    Ok(library.into())
}

#[cfg(not(unix))]
fn dlopen(path: &Path) -> Result<Library, libloading::Error> {
    // SAFETY: loading runs DuckDB's static initializers, which the client in the same process runs too.
    unsafe { Library::new(path) }
}

/// Copies a C string; a null pointer is an empty string.
///
/// # Safety
/// `pointer` is null or points to a NUL-terminated string that stays unchanged during the call.
pub(crate) unsafe fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: not null, and terminated and unchanged by this function's own contract.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}
