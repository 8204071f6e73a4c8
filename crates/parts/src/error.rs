//! What can go wrong with a file, sorted by what the caller can do about it.

use parquet::errors::ParquetError;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The result of everything here that touches a file.
pub type Result<T, E = PartsError> = std::result::Result<T, E>;

/// What a failure is: it decides between retry, shrink and stop, and travels as a code, never as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The machine failed us in a way without a code of its own; the same call may succeed later.
    TransientIo,
    /// The disk has no room.
    DiskFull,
    /// A quota is used up, or a file would be larger than a limit allows.
    QuotaExceeded,
    /// The file system is read-only.
    ReadOnly,
    /// The device failed.
    DiskError,
    /// No descriptors are left.
    TooManyFiles,
    /// A name or path is longer than allowed.
    NameTooLong,
    /// Memory could not be had.
    OutOfMemory,
    /// A file or directory that was in use is gone.
    PathLost,
    /// Permission denied.
    Unwritable,
    /// A file is not what it should be; no retry helps.
    Data,
    /// We broke a rule of our own.
    Bug,
    /// The name is taken by something that is not ours to replace.
    Occupied,
    /// Whoever asked wants it no more.
    Cancelled,
}

impl Code {
    /// The code as every layer above spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TransientIo => "TRANSIENT_IO",
            Self::DiskFull => "DISK_FULL",
            Self::QuotaExceeded => "QUOTA_EXCEEDED",
            Self::ReadOnly => "READ_ONLY",
            Self::DiskError => "DISK_ERROR",
            Self::TooManyFiles => "TOO_MANY_FILES",
            Self::NameTooLong => "NAME_TOO_LONG",
            Self::OutOfMemory => "OUT_OF_MEMORY",
            Self::PathLost => "PATH_LOST",
            Self::Unwritable => "OUTPUT_UNWRITABLE",
            Self::Data => "DATA",
            Self::Bug => "BUG",
            Self::Occupied => "OUTPUT_EXISTS",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// What an operating system error is.
    fn of(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull => Self::DiskFull,
            ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => Self::QuotaExceeded,
            ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            ErrorKind::OutOfMemory => Self::OutOfMemory,
            ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::StaleNetworkFileHandle => Self::PathLost,
            ErrorKind::PermissionDenied => Self::Unwritable,
            _ => Self::of_errno(error).unwrap_or(Self::TransientIo),
        }
    }

    /// For what has no `ErrorKind` of its own.
    fn of_errno(error: &io::Error) -> Option<Self> {
        #[cfg(unix)]
        return match error.raw_os_error()? {
            libc::EIO => Some(Self::DiskError),
            libc::EMFILE | libc::ENFILE => Some(Self::TooManyFiles),
            libc::ENAMETOOLONG => Some(Self::NameTooLong),
            _ => None,
        };
        #[cfg(not(unix))]
        return match error.raw_os_error()? {
            4 => Some(Self::TooManyFiles),      // ERROR_TOO_MANY_OPEN_FILES
            206 => Some(Self::NameTooLong),     // ERROR_FILENAME_EXCED_RANGE
            23 | 1117 => Some(Self::DiskError), // ERROR_CRC, ERROR_IO_DEVICE
            _ => None,
        };
    }
}

/// A failure, with the path it happened to and the operation that failed in its message.
#[derive(Debug)]
pub struct PartsError {
    /// What the caller can do about it.
    pub code: Code,
    /// One sentence: operation, path, cause.
    pub message: String,
    /// The file or directory in question.
    pub path: PathBuf,
    source: Option<io::Error>,
}

impl PartsError {
    /// An operating system error met while doing `operation` ("rename", "fdatasync", ...) to `path`.
    #[must_use]
    pub fn io(operation: &str, path: &Path, source: io::Error) -> Self {
        let code = Code::of(&source);
        let message = format!("cannot {operation} {}: {source}", path.display());
        Self { code, message, path: path.into(), source: Some(source) }
    }

    /// The same for a file that is only read: that it ends early is its own fault, not the disk's.
    pub(crate) fn read(operation: &str, path: &Path, source: io::Error) -> Self {
        let odd = matches!(source.kind(), ErrorKind::UnexpectedEof | ErrorKind::IsADirectory);
        let error = Self::io(operation, path, source);
        if odd { Self { code: Code::Data, ..error } } else { error }
    }

    /// `path` does not hold what it should.
    pub(crate) fn data(path: &Path, reason: impl fmt::Display) -> Self {
        Self { code: Code::Data, message: format!("{}: {reason}", path.display()), path: path.into(), source: None }
    }

    /// We were called, or called another library, in a way that cannot work.
    pub(crate) fn bug(path: &Path, reason: impl fmt::Display) -> Self {
        Self { code: Code::Bug, message: format!("{}: {reason}", path.display()), path: path.into(), source: None }
    }

    /// `path` is taken by something that is not ours to replace.
    pub(crate) fn occupied(path: &Path, reason: impl fmt::Display) -> Self {
        Self { code: Code::Occupied, message: format!("{} {reason}", path.display()), path: path.into(), source: None }
    }

    /// `path` is where a file of ours belongs, and is none.
    pub(crate) fn foreign(path: &Path, reason: &str) -> Self {
        let message = format!("{} {reason}: no file of batch-core; remove it", path.display());
        Self { code: Code::Unwritable, message, path: path.into(), source: None }
    }

    /// Whoever asked for `path` wants it no more.
    #[must_use]
    pub fn cancelled(path: &Path) -> Self {
        Self { code: Code::Cancelled, message: "stopped".into(), path: path.into(), source: None }
    }

    /// A Parquet failure while `operation`; an I/O error inside it keeps its own class, `otherwise` is the class of the rest.
    pub(crate) fn parquet(operation: &str, path: &Path, error: ParquetError, otherwise: Code) -> Self {
        let error = match error {
            ParquetError::External(inner) => match inner.downcast::<io::Error>() {
                Ok(io) if otherwise == Code::Data => return Self::read(operation, path, *io),
                Ok(io) => return Self::io(operation, path, *io),
                Err(inner) => ParquetError::External(inner),
            },
            other => other,
        };
        let message = format!("cannot {operation} {}: {error}", path.display());
        Self { code: otherwise, message, path: path.into(), source: None }
    }

    /// The kind of the operating system error behind it, if there is one.
    #[must_use]
    pub fn kind(&self) -> Option<ErrorKind> {
        self.source.as_ref().map(io::Error::kind)
    }

    /// The code as text, one of the table in `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code.as_str()
    }
}

impl fmt::Display for PartsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for PartsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

/// Names the operation and the path of an I/O error.
pub(crate) trait At<T> {
    fn at(self, operation: &str, path: &Path) -> Result<T>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, operation: &str, path: &Path) -> Result<T> {
        self.map_err(|error| PartsError::io(operation, path, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operating_system_error_keeps_its_code() {
        let check = |kind: ErrorKind, expected: &str| {
            let error = PartsError::io("write", Path::new("parts/a"), io::Error::from(kind));
            assert_eq!(error.code(), expected, "{kind:?}");
            assert!(error.message.contains("write") && error.message.contains("parts/a"), "{error}");
        };
        check(ErrorKind::StorageFull, "DISK_FULL");
        check(ErrorKind::QuotaExceeded, "QUOTA_EXCEEDED");
        check(ErrorKind::FileTooLarge, "QUOTA_EXCEEDED");
        check(ErrorKind::ReadOnlyFilesystem, "READ_ONLY");
        check(ErrorKind::PermissionDenied, "OUTPUT_UNWRITABLE");
        check(ErrorKind::NotFound, "PATH_LOST");
        check(ErrorKind::OutOfMemory, "OUT_OF_MEMORY");
        check(ErrorKind::TimedOut, "TRANSIENT_IO");
    }

    #[cfg(unix)]
    #[test]
    fn every_errno_has_the_code_that_the_control_plane_gives_it() {
        let cases = [
            (libc::ENOSPC, "DISK_FULL"),
            (libc::EDQUOT, "QUOTA_EXCEEDED"),
            (libc::EFBIG, "QUOTA_EXCEEDED"),
            (libc::EROFS, "READ_ONLY"),
            (libc::EIO, "DISK_ERROR"),
            (libc::EMFILE, "TOO_MANY_FILES"),
            (libc::ENFILE, "TOO_MANY_FILES"),
            (libc::ENAMETOOLONG, "NAME_TOO_LONG"),
            (libc::ENOMEM, "OUT_OF_MEMORY"),
            (libc::ENOENT, "PATH_LOST"),
            (libc::ENOTDIR, "PATH_LOST"),
            (libc::EACCES, "OUTPUT_UNWRITABLE"),
            (libc::EAGAIN, "TRANSIENT_IO"),
        ];
        for (errno, expected) in cases {
            let error = PartsError::io("open", Path::new("a"), io::Error::from_raw_os_error(errno));
            assert_eq!(error.code(), expected, "{error}");
        }
    }

    #[test]
    fn a_file_that_is_read_is_to_blame_for_its_own_length_only() {
        let code = |kind: ErrorKind| PartsError::read("read", Path::new("a"), kind.into()).code;
        assert_eq!(code(ErrorKind::UnexpectedEof), Code::Data);
        assert_eq!(code(ErrorKind::IsADirectory), Code::Data);
        assert_eq!(code(ErrorKind::NotFound), Code::PathLost);
    }

    #[test]
    fn an_io_error_inside_a_parquet_error_is_found_again() {
        let inner = ParquetError::from(io::Error::from(ErrorKind::StorageFull));
        assert_eq!(PartsError::parquet("write", Path::new("a"), inner, Code::Bug).code(), "DISK_FULL");
    }
}
