//! Durable files: the parts of a job, their digests, their publication, and the lock of the job.
//!
//! One law holds for everything that gets a final name here: at any instant, whatever fails and wherever the power goes,
//! the name holds nothing, what it held before, or the complete new bytes. It rests on one order, kept by one piece of
//! code (`sink`): write under a temporary name, `fdatasync`, close, `rename`, `fsync` the directory.

mod commit;
mod digest;
mod directory;
mod durable;
mod encode;
mod error;
#[cfg(any(test, feature = "fault"))]
pub mod fault;
mod fs;
mod groups;
mod layout;
mod lock;
mod part;
mod publish;
mod receipt;
mod sink;
mod source;
#[cfg(test)]
mod tests;

pub use commit::{commit, put_back, write_committed};
pub use digest::{FOOTER_BYTES_MAX, PartMetadata, digest, digest_watched, read_metadata};
pub use directory::{DirectoryPart, DirectoryRequest, Replaced, publish_directory};
pub use durable::{create_directories, write_durable, write_durable_once};
pub use error::{Result, io as io_error};
pub use fs::{Disk, FileId, FileSystem, OpenFile};
pub use groups::row_group_checksums;
pub use layout::{Compression, PartOptions};
pub use lock::{Held, JobLock};
pub use part::PartWriter;
pub use publish::{Staged, Stager, StoredPart};
pub use receipt::PartReceipt;
pub use source::{
    ColumnPages, Damage, Extent, FooterColumn, FooterFacts, FooterRowGroup, KeptSize, MisreadDecimal, RowGroupDigest,
    SourceError, SourceReceipt, footer_facts, kept_sizes, page_sizes, verify_row_groups,
};
