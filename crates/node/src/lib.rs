//! The addon: convert, call, convert back. No arithmetic and no decisions.
//!
//! Functions are synchronous: the JavaScript worker that calls *is* the thread. Errors cross as a code and a JSON record;
//! a panic is caught and becomes `BUG`.

mod chunk;
mod error;
mod fit;
mod lock;
mod model;
mod parts;
mod watch;
