//! Codes across the waist.

use batch_core_error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// An error as JavaScript gets it: `message` is its record.
pub(crate) type Thrown = napi::Error<String>;

/// Runs `call` and makes a thrown error of whatever goes wrong, panics too.
pub(crate) fn waist<T>(call: impl FnOnce() -> Result<T, Error>) -> Result<T, Thrown> {
    caught(call).map_err(|error| Thrown::new(error.code.as_str().to_owned(), record(&error)))
}

/// Runs `call`; a panic is an error of ours.
pub(crate) fn caught<T>(call: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    // Unwind safety: a call's own state dies with it, and what outlives it (scanner, watch) is read by no kernel
    // half-way through a change.
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let said = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        Err(Error::bug(format!("a panic in the native half: {said}")))
    })
}

/// An error as data: the record of `crates/error`, as JSON.
pub(crate) fn record(error: &Error) -> String {
    serde_json::to_string(error).expect("an error holds nothing that JSON cannot say")
}
