//! What can go wrong with a file, sorted by what the caller can do about it.

use parquet::errors::ParquetError;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The result of everything here that touches a file.
pub type Result<T, E = PartsError> = std::result::Result<T, E>;

/// The class of a failure: it decides between retry, shrink and stop, and travels as a code, never as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The machine failed us; the same call may succeed later.
    TransientIo,
    /// Something is used up: room on the disk, a quota, descriptors, memory.
    Resource,
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
            Self::Resource => "RESOURCE",
            Self::Data => "DATA",
            Self::Bug => "BUG",
            Self::Occupied => "OUTPUT_EXISTS",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// The class of an operating system error met while *writing*.
    fn of(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge | ErrorKind::OutOfMemory => {
                Self::Resource
            }
            _ if too_many_files(error) => Self::Resource,
            _ => Self::TransientIo,
        }
    }
}

/// EMFILE and ENFILE have no `ErrorKind` of their own.
fn too_many_files(error: &io::Error) -> bool {
    #[cfg(unix)]
    return matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE));
    #[cfg(not(unix))]
    return error.raw_os_error() == Some(4); // ERROR_TOO_MANY_OPEN_FILES
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
        let need = if code == Code::Resource { "; make room (disk, quota, descriptors) and resume" } else { "" };
        let message = format!("cannot {operation} {}: {source}{need}", path.display());
        Self { code, message, path: path.into(), source: Some(source) }
    }

    /// The same for a file that is only read: that it is absent or ends early is its own fault, not the disk's.
    pub(crate) fn read(operation: &str, path: &Path, source: io::Error) -> Self {
        let absent = matches!(source.kind(), ErrorKind::NotFound | ErrorKind::UnexpectedEof | ErrorKind::IsADirectory);
        let error = Self::io(operation, path, source);
        if absent { Self { code: Code::Data, ..error } } else { error }
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

    /// The class as text: as every layer above spells it.
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
    fn an_operating_system_error_keeps_its_class() {
        let check = |kind: ErrorKind, expected: &str| {
            let error = PartsError::io("write", Path::new("parts/a"), io::Error::from(kind));
            assert_eq!(error.code(), expected, "{kind:?}");
            assert!(error.message.contains("write") && error.message.contains("parts/a"), "{error}");
        };
        check(ErrorKind::StorageFull, "RESOURCE");
        check(ErrorKind::QuotaExceeded, "RESOURCE");
        check(ErrorKind::FileTooLarge, "RESOURCE");
        check(ErrorKind::ReadOnlyFilesystem, "TRANSIENT_IO");
        check(ErrorKind::PermissionDenied, "TRANSIENT_IO");
        check(ErrorKind::NotFound, "TRANSIENT_IO");
    }

    #[cfg(unix)]
    #[test]
    fn errno_decides_where_rust_has_no_name() {
        let check = |errno: i32, expected: &str| {
            assert_eq!(PartsError::io("open", Path::new("a"), io::Error::from_raw_os_error(errno)).code(), expected);
        };
        check(libc::ENOSPC, "RESOURCE");
        check(libc::EDQUOT, "RESOURCE");
        check(libc::EFBIG, "RESOURCE");
        check(libc::EMFILE, "RESOURCE");
        check(libc::EIO, "TRANSIENT_IO");
        check(libc::EROFS, "TRANSIENT_IO");
        check(libc::EACCES, "TRANSIENT_IO");
    }

    #[test]
    fn an_io_error_inside_a_parquet_error_is_found_again() {
        let inner = ParquetError::from(io::Error::from(ErrorKind::StorageFull));
        assert_eq!(PartsError::parquet("write", Path::new("a"), inner, Code::Bug).code(), "RESOURCE");
    }
}
