//! What a walk over row groups tells.

/// The digest of one row group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowGroupDigest {
    /// SHA-256 of the bytes of its columns, in the footer's order, in lower-case hex.
    pub sha256: String,
    /// How many bytes those are.
    pub bytes: u64,
}

/// What a walk over row groups found, all of it whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceReceipt {
    /// One for each row group that has rows, in order.
    pub row_groups: Vec<RowGroupDigest>,
    /// Pages that were found where they should be.
    pub pages: u64,
    /// Those of them that carry a checksum, which was right.
    pub pages_with_checksum: u64,
}
