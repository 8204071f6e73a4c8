//! The codes that the Rust half raises: each a row of the table in `src/errorCodes.ts`, which says what it means for a
//! run, how a process ends by it and what to do.

use serde::{Serialize, Serializer};
use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What a failure is: it decides between retry, shrink and stop, and travels as a code, never as text.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// All there are.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The code as every layer above spells it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

codes! {
    /// The machine failed us in a way without a code of its own; the same call may succeed later.
    TransientIo = "TRANSIENT_IO",
    /// A file's content is not what it should be; no retry helps.
    Data = "DATA",
    /// What was asked for does not fit the file or the machine.
    Config = "CONFIG",
    /// We broke a rule of our own.
    Bug = "BUG",
    /// Whoever asked wants it no more.
    Cancelled = "CANCELLED",
    /// There is no such source.
    SourceNotFound = "SOURCE_NOT_FOUND",
    /// A source may not be read.
    SourceUnreadable = "SOURCE_UNREADABLE",
    /// A source is not Parquet, or its footer is damaged.
    SourceInvalid = "SOURCE_INVALID",
    /// A page of a source is not what its header says.
    SourceDamaged = "SOURCE_DAMAGED",
    /// The name is taken by something that is not ours to replace.
    OutputExists = "OUTPUT_EXISTS",
    /// Permission denied, or not a place for a file of ours.
    OutputUnwritable = "OUTPUT_UNWRITABLE",
    /// The disk has no room.
    DiskFull = "DISK_FULL",
    /// A quota is used up, or a file would be larger than a limit allows.
    QuotaExceeded = "QUOTA_EXCEEDED",
    /// The file system is read-only.
    ReadOnly = "READ_ONLY",
    /// The device failed.
    DiskError = "DISK_ERROR",
    /// No descriptors are left.
    TooManyFiles = "TOO_MANY_FILES",
    /// A name or path is longer than allowed.
    NameTooLong = "NAME_TOO_LONG",
    /// Memory could not be had.
    OutOfMemory = "OUT_OF_MEMORY",
    /// What may be taken of memory does not suffice.
    MemoryTooSmall = "MEMORY_TOO_SMALL",
    /// A file or directory that was in use is gone.
    PathLost = "PATH_LOST",
    /// A file of the job's own is not what was written.
    JobDamaged = "JOB_DAMAGED",
    /// What is to be imported is damaged, or no forest.
    ForestInvalid = "FOREST_INVALID",
    /// What is to be imported has something that is not read, or is no isolation forest.
    ForestUnsupported = "FOREST_UNSUPPORTED",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_code_is_one_of_the_table() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../src/errorCodes.ts");
        let text = std::fs::read_to_string(path).unwrap();
        let table = text.split_once("export const CODES = {").unwrap().1.split_once("\n} as const").unwrap().0;
        let keys: Vec<&str> = table
            .lines()
            .filter_map(|line| line.strip_prefix("  ")?.split_once(": {"))
            .map(|(key, _)| key)
            .filter(|key| !key.starts_with(' '))
            .collect();
        assert!(keys.contains(&"ADDON_MISSING"), "the table is read: {keys:?}");
        for code in Code::ALL {
            assert!(keys.contains(&code.as_str()), "{code} is not in src/errorCodes.ts");
        }
    }
}
