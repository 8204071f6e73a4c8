//! Tasks, and how a worker carries them out on the thread that calls: each chunk is scanned, then summarized or scored, and
//! leaves a summary or a durable part.
//!
//! Nothing here knows about jobs or JavaScript. A chunk is a run of whole row groups of one file; its rows come in file
//! order, so a row's number is its chunk's first row plus its position.

mod artifacts;
mod best;
mod digest;
mod double;
mod fit;
mod held;
mod missing;
mod operation;
mod output;
mod pending;
mod rank;
mod reader;
mod receipt;
mod score;
mod summary;
mod task;
#[cfg(test)]
mod types;
mod verify;
mod watch;
mod worker;

pub use held::score_held;
pub use receipt::{
    BestRecord, Findings, Part, PartFile, ReasonRecord, Receipt, RowGroupRecord, Summary, Verified, Yield,
};
pub use summary::{keep_summary, kept_summary};
pub use task::{Artifact, Compression, Flag, PartFormat, RowRange, Scoring, Shifted, Source, TASK_VERSION, Task, Work};
pub use watch::Watch;
pub use worker::{Environment, Worker};
