//! The few file operations that durability rests on, as a trait, so that tests can make each of them fail.

use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file as it was last written, whatever its names. The number alone would not do: a file written in place keeps it,
/// and one that is made where another was removed is often given it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId {
    /// Number of the device.
    pub device: u64,
    /// Number of the file on it.
    pub inode: u64,
    /// Its length in bytes.
    pub size: u64,
    /// When it was last written, in nanoseconds since 1970.
    pub modified_ns: i128,
}

/// What a durable file needs of the file system. [`Disk`] is the real one.
///
/// Every operation that changes a directory leaves the change volatile until [`sync_directory`](Self::sync_directory),
/// every write until [`OpenFile::sync_data`]: that is what POSIX promises, and no more.
pub trait FileSystem: Debug + Send + Sync {
    /// Makes one directory. `AlreadyExists` is an error like any other.
    ///
    /// # Errors
    /// As the operating system says.
    fn create_directory(&self, path: &Path) -> io::Result<()>;

    /// Creates a file for writing that must not exist yet (`O_EXCL`).
    ///
    /// # Errors
    /// As the operating system says.
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn OpenFile>>;

    /// Opens an existing file for reading.
    ///
    /// # Errors
    /// As the operating system says.
    fn open(&self, path: &Path) -> io::Result<File>;

    /// The paths in a directory, sorted.
    ///
    /// # Errors
    /// As the operating system says.
    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>>;

    /// Gives `from` the name `to`, replacing what has that name.
    ///
    /// # Errors
    /// As the operating system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Gives `from` the name `to`, which must not exist: in one step where the system can, else by a second name.
    ///
    /// # Errors
    /// `AlreadyExists` when something has that name; otherwise as the operating system says.
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Swaps what two names stand for, in one step.
    ///
    /// # Errors
    /// `Unsupported` where the system or the file system cannot; otherwise as the operating system says.
    fn exchange(&self, one: &Path, other: &Path) -> io::Result<()>;

    /// Which file `path` names, and as last written when; a link is not followed.
    ///
    /// # Errors
    /// As the operating system says.
    fn identity(&self, path: &Path) -> io::Result<FileId>;

    /// Gives the file `from` the second name `to`, which must not exist.
    ///
    /// # Errors
    /// As the operating system says; file systems without hard links have an error of their own each.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes the name of a file.
    ///
    /// # Errors
    /// As the operating system says.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// As the operating system says.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
}

/// A file being written.
pub trait OpenFile: Debug + Send {
    /// Writes a prefix of `bytes` and returns its length.
    ///
    /// # Errors
    /// As the operating system says.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Makes what was written, and the file's length, durable (`fdatasync`).
    ///
    /// # Errors
    /// As the operating system says. The kernel may have dropped the dirty pages it could not write, and a second call
    /// would then succeed without them: whoever sees an error must give up this file.
    fn sync_data(&mut self) -> io::Result<()>;

    /// Asks the system to begin writing back what was written, without waiting for it, so that little is left to do
    /// when [`sync_data`](Self::sync_data) is called. A hint: it promises nothing and cannot fail.
    fn begin_writeback(&mut self) {}

    /// Closes the file and reports what `drop` would swallow.
    ///
    /// # Errors
    /// As the operating system says; network file systems report a full quota here.
    fn close(self: Box<Self>) -> io::Result<()>;
}

/// The file system of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Disk {
    /// The disk as the functions of this crate take it.
    #[must_use]
    pub fn shared() -> Arc<dyn FileSystem> {
        Arc::new(Self)
    }
}

impl FileSystem for Disk {
    fn create_directory(&self, path: &Path) -> io::Result<()> {
        std::fs::create_dir(path)
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        Ok(Box::new(DiskFile { file, written: 0, started: 0 }))
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        File::open(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        let mut paths = std::fs::read_dir(directory)?.map(|e| Ok(e?.path())).collect::<io::Result<Vec<_>>>()?;
        paths.sort();
        Ok(paths)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        match rename_at(from, to, Flag::NoReplace) {
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                // Two names for an instant: a crash in between leaves the temporary, which the next run removes.
                std::fs::hard_link(from, to)?;
                std::fs::remove_file(from)
            }
            renamed => renamed,
        }
    }

    fn exchange(&self, one: &Path, other: &Path) -> io::Result<()> {
        rename_at(one, other, Flag::Exchange)
    }

    fn identity(&self, path: &Path) -> io::Result<FileId> {
        identity(&std::fs::symlink_metadata(path)?)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::hard_link(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        // Windows opens no directory for flushing; NTFS journals the rename itself.
        if cfg!(windows) { Ok(()) } else { File::open(path)?.sync_all() }
    }
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems cannot tell")]
fn identity(metadata: &std::fs::Metadata) -> io::Result<FileId> {
    use std::os::unix::fs::MetadataExt;
    let modified_ns = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
    Ok(FileId { device: metadata.dev(), inode: metadata.ino(), size: metadata.size(), modified_ns })
}

#[cfg(not(unix))]
fn identity(_: &std::fs::Metadata) -> io::Result<FileId> {
    Err(ErrorKind::Unsupported.into())
}

/// What `renameat2` may be told.
#[derive(Clone, Copy)]
enum Flag {
    NoReplace,
    Exchange,
}

/// `renameat2`, by its number: not every C library has a function for it.
#[cfg(target_os = "linux")]
fn rename_at(from: &Path, to: &Path, flag: Flag) -> io::Result<()> {
    use std::ffi::CString;
    use std::os::unix::ffi::OsStrExt;
    let text = |path: &Path| CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other);
    let (from, to) = (text(from)?, text(to)?);
    let flag = match flag {
        Flag::NoReplace => libc::RENAME_NOREPLACE,
        Flag::Exchange => libc::RENAME_EXCHANGE,
    };
    // SAFETY: both pointers are to C strings that live until the end of this function; the kernel only reads them.
    let result =
        unsafe { libc::syscall(libc::SYS_renameat2, libc::AT_FDCWD, from.as_ptr(), libc::AT_FDCWD, to.as_ptr(), flag) };
    if result == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    // An old kernel, or a file system that knows no flags.
    let unable = matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS | libc::EOPNOTSUPP));
    Err(if unable { ErrorKind::Unsupported.into() } else { error })
}

#[cfg(not(target_os = "linux"))]
fn rename_at(_: &Path, _: &Path, _: Flag) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

#[derive(Debug)]
struct DiskFile {
    file: File,
    written: u64,
    /// How much of it the system was asked to write back.
    started: u64,
}

impl OpenFile for DiskFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.written += count as u64;
        Ok(count)
    }

    fn begin_writeback(&mut self) {
        #[cfg(target_os = "linux")]
        if let (Ok(offset), Ok(length)) = (self.started.try_into(), (self.written - self.started).try_into()) {
            use std::os::fd::AsRawFd;
            // SAFETY: the call reads no memory of ours, and `self.file` keeps the descriptor open. Its result is of no
            // interest: without the waiting flags it takes no error of the disk away from `sync_data`.
            unsafe { libc::sync_file_range(self.file.as_raw_fd(), offset, length, libc::SYNC_FILE_RANGE_WRITE) };
        }
        self.started = self.written;
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn close(self: Box<Self>) -> io::Result<()> {
        close(self.file)
    }
}

#[cfg(unix)]
fn close(file: File) -> io::Result<()> {
    use std::os::fd::IntoRawFd;
    let descriptor = file.into_raw_fd();
    // SAFETY: `into_raw_fd` gave up the only owner, so the descriptor is open, ours, and closed nowhere else.
    if unsafe { libc::close(descriptor) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(not(unix))]
fn close(file: File) -> io::Result<()> {
    drop(file);
    Ok(())
}

/// Makes `path` and whatever is missing above it, each name durable in its parent before the next is made.
///
/// That a directory is there does not say that its name is durable: whoever made it may have been stopped before the
/// sync, and a part in it would be lost with it. So the parent of the lowest existing one is synced again.
pub(crate) fn create_directories(fs: &dyn FileSystem, path: &Path) -> crate::Result<()> {
    use crate::error::At;
    if path.as_os_str().is_empty() || path.parent().is_none() {
        return Ok(());
    }
    let parent = parent(path);
    let made = !path.is_dir();
    if made {
        create_directories(fs, parent)?;
        create_directory(fs, path)?;
    }
    match fs.sync_directory(parent) {
        // Where we may pass and not look (/home with mode 0711), we have made nothing either.
        Err(error) if !made && error.kind() == ErrorKind::PermissionDenied => Ok(()),
        synced => synced.at("fsync directory", parent),
    }
}

/// Makes `path` unless it is there.
pub(crate) fn create_directory(fs: &dyn FileSystem, path: &Path) -> crate::Result<()> {
    use crate::error::At;
    match fs.create_directory(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error).at("create directory", path),
        _ => Ok(()),
    }
}

/// The directory that holds the name of `path`.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Whether `name` names a file in whatever directory it is joined to, on every system.
pub(crate) fn plain(name: &str) -> bool {
    Path::new(name).file_name() == Some(name.as_ref()) && !name.contains(['/', '\\', ':'])
}
