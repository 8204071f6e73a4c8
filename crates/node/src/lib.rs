//! The addon: convert, call, convert back. No arithmetic and no decisions.
//!
//! Functions are synchronous: the JavaScript worker that calls *is* the thread; but for what is long (`long`). Errors cross as a code and a JSON record;
//! a panic is caught and becomes `BUG`.

#![expect(
    clippy::needless_pass_by_value,
    reason = "napi makes arguments anew from JavaScript values and gives them away"
)]
#![expect(clippy::missing_errors_doc, reason = "every function throws what `error::waist` makes: a code and a record")]

// Public, though nothing links this crate: what napi registers is otherwise taken for dead code.
pub mod chunk;
mod convert;
mod error;
pub mod fit;
pub mod footer;
pub mod lock;
pub mod long;
pub mod memory;
pub mod model;
pub mod parts;
pub mod publish;
pub mod sizes;
pub mod watch;
