//! What can go wrong with a file, sorted by what the caller can do about it.

use batch_core_error::{Code, Error};
use parquet::errors::ParquetError;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::Path;

/// The result of everything here that touches a file.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An operating system error met while doing `operation` ("rename", "fdatasync", ...) to `path`.
#[must_use]
pub fn io(operation: &str, path: &Path, cause: io::Error) -> Error {
    let message = format!("cannot {operation} {}: {cause}", path.display());
    Error::new(code_of(&cause), message).in_file(path).because(cause)
}

/// The same for a file that is only read: that it ends early is its own fault, not the disk's.
pub(crate) fn read(operation: &str, path: &Path, cause: io::Error) -> Error {
    let odd = matches!(cause.kind(), ErrorKind::UnexpectedEof | ErrorKind::IsADirectory);
    let error = io(operation, path, cause);
    if odd { Error { code: Code::Data, ..error } } else { error }
}

/// `path` does not hold what it should.
pub(crate) fn data(path: &Path, reason: impl fmt::Display) -> Error {
    Error::data(format!("{}: {reason}", path.display())).in_file(path)
}

/// We were called, or called another library, in a way that cannot work.
pub(crate) fn bug(path: &Path, reason: impl fmt::Display) -> Error {
    Error::bug(format!("{}: {reason}", path.display())).in_file(path)
}

/// `path` is taken by something that is not ours to replace.
pub(crate) fn occupied(path: &Path, reason: impl fmt::Display) -> Error {
    Error::new(Code::OutputExists, format!("{} {reason}", path.display())).in_file(path)
}

/// `path` is where a file of ours belongs, and is none.
pub(crate) fn foreign(path: &Path, reason: &str) -> Error {
    let message = format!("{} {reason}: no file of batch-core; remove it", path.display());
    Error::new(Code::OutputUnwritable, message).in_file(path)
}

/// A Parquet failure while `operation`; an I/O error inside it keeps its own class, `otherwise` is the class of the rest.
pub(crate) fn parquet(operation: &str, path: &Path, error: ParquetError, otherwise: Code) -> Error {
    let error = match error {
        ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(cause) if otherwise == Code::Data => return read(operation, path, *cause),
            Ok(cause) => return io(operation, path, *cause),
            Err(inner) => ParquetError::External(inner),
        },
        other => other,
    };
    Error::new(otherwise, format!("cannot {operation} {}: {error}", path.display())).in_file(path).because(error)
}

/// The kind of the operating system error behind it, if there is one.
pub(crate) fn kind(error: &Error) -> Option<ErrorKind> {
    error.cause.as_ref()?.downcast_ref::<io::Error>().map(io::Error::kind)
}

/// Names the operation and the path of an I/O error.
pub(crate) trait At<T> {
    fn at(self, operation: &str, path: &Path) -> Result<T>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, operation: &str, path: &Path) -> Result<T> {
        self.map_err(|error| io(operation, path, error))
    }
}

/// What an operating system error is.
fn code_of(error: &io::Error) -> Code {
    match error.kind() {
        ErrorKind::StorageFull => Code::DiskFull,
        ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => Code::QuotaExceeded,
        ErrorKind::ReadOnlyFilesystem => Code::ReadOnly,
        ErrorKind::OutOfMemory => Code::OutOfMemory,
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::StaleNetworkFileHandle => Code::PathLost,
        ErrorKind::PermissionDenied => Code::OutputUnwritable,
        _ => code_of_errno(error).unwrap_or(Code::TransientIo),
    }
}

/// For what has no `ErrorKind` of its own.
fn code_of_errno(error: &io::Error) -> Option<Code> {
    #[cfg(unix)]
    return match error.raw_os_error()? {
        libc::EIO => Some(Code::DiskError),
        libc::EMFILE | libc::ENFILE => Some(Code::TooManyFiles),
        libc::ENAMETOOLONG => Some(Code::NameTooLong),
        _ => None,
    };
    #[cfg(not(unix))]
    return match error.raw_os_error()? {
        4 => Some(Code::TooManyFiles),      // ERROR_TOO_MANY_OPEN_FILES
        206 => Some(Code::NameTooLong),     // ERROR_FILENAME_EXCED_RANGE
        23 | 1117 => Some(Code::DiskError), // ERROR_CRC, ERROR_IO_DEVICE
        _ => None,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operating_system_error_keeps_its_code() {
        let check = |kind: ErrorKind, expected: &str| {
            let error = super::io("write", Path::new("parts/a"), io::Error::from(kind));
            assert_eq!(error.code.as_str(), expected, "{kind:?}");
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
            let error = super::io("open", Path::new("a"), io::Error::from_raw_os_error(errno));
            assert_eq!(error.code.as_str(), expected, "{error}");
        }
    }

    #[test]
    fn a_file_that_is_read_is_to_blame_for_its_own_length_only() {
        let code = |kind: ErrorKind| read("read", Path::new("a"), kind.into()).code;
        assert_eq!(code(ErrorKind::UnexpectedEof), Code::Data);
        assert_eq!(code(ErrorKind::IsADirectory), Code::Data);
        assert_eq!(code(ErrorKind::NotFound), Code::PathLost);
    }

    #[test]
    fn an_io_error_inside_a_parquet_error_is_found_again() {
        let inner = ParquetError::from(io::Error::from(ErrorKind::StorageFull));
        assert_eq!(parquet("write", Path::new("a"), inner, Code::Bug).code.as_str(), "DISK_FULL");
    }
}
