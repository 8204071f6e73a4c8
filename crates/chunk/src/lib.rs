//! The road of one chunk, on the thread that calls: scan, then summarize or score, then a durable part.
//!
//! Nothing here knows about jobs or JavaScript. A chunk is a run of whole row groups of one file; its rows come in file
//! order, so a row's number is its chunk's first row plus its position.

mod best;
mod error;
mod fit;
mod held;
mod output;
mod range;
mod rank;
mod score;
mod summary;
mod verify;
mod watch;

pub use best::{BestRow, BestRows};
pub use error::ChunkError;
pub use fit::summarize;
pub use held::score_held;
pub use output::PartRequest;
pub use range::ChunkRange;
pub use rank::rank;
pub use score::{Flag, ScoreReceipt, ScoreRequest, score};
pub use summary::{keep_summary, kept_summary};
pub use verify::verify;
pub use watch::Watch;
