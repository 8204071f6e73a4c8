//! What is known of a file that was written.

/// What was written, for the checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartReceipt {
    /// Rows in the file.
    pub rows: u64,
    /// The file's length.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in lower-case hex.
    pub sha256: String,
}
