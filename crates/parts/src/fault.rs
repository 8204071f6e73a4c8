//! A file system that fails on demand and remembers what a power loss would forget.
//!
//! [`Faulty`] works on a real directory, so whatever it has done can be read by ordinary means. On top of that it
//! injects errors at chosen calls and records every effect; [`Log`] replays the record up to any point and enumerates
//! the states in which a power loss at that point could leave the disk.

mod crash;

pub use crash::{CrashState, Log};

use crate::fs::{Disk, FileId, FileSystem, OpenFile};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The operations that can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the method of that name")]
pub enum Kind {
    CreateDirectory,
    CreateNew,
    Open,
    List,
    Write,
    SyncData,
    Close,
    Rename,
    Link,
    RemoveFile,
    SyncDirectory,
}

impl Kind {
    /// Every operation.
    pub const ALL: [Self; 11] = [
        Self::CreateDirectory,
        Self::CreateNew,
        Self::Open,
        Self::List,
        Self::Write,
        Self::SyncData,
        Self::Close,
        Self::Rename,
        Self::Link,
        Self::RemoveFile,
        Self::SyncDirectory,
    ];
}

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// ENOSPC.
    NoSpace,
    /// EDQUOT.
    Quota,
    /// EIO.
    Io,
    /// EROFS.
    ReadOnly,
    /// EACCES.
    Denied,
    /// EIO, but the operation took effect: a network file system lost the answer. A sync does not take effect.
    IoAfterEffect,
    /// Half of the bytes are written, then ENOSPC. Other operations: as `NoSpace`.
    Torn,
    /// Half of the bytes are written, and that is no error. Other operations are interrupted (EINTR).
    Short,
}

impl Failure {
    /// Every way to fail.
    pub const ALL: [Self; 8] = [
        Self::NoSpace,
        Self::Quota,
        Self::Io,
        Self::ReadOnly,
        Self::Denied,
        Self::IoAfterEffect,
        Self::Torn,
        Self::Short,
    ];

    fn error(self) -> io::Error {
        match self {
            Self::NoSpace | Self::Torn => io::ErrorKind::StorageFull.into(),
            Self::Quota => io::ErrorKind::QuotaExceeded.into(),
            Self::Io | Self::IoAfterEffect => io::Error::from_raw_os_error(5),
            Self::ReadOnly => io::ErrorKind::ReadOnlyFilesystem.into(),
            Self::Denied => io::ErrorKind::PermissionDenied.into(),
            Self::Short => io::ErrorKind::Interrupted.into(),
        }
    }
}

/// One failure to come.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// The operation.
    pub kind: Kind,
    /// Which call of it, from 1.
    pub nth: usize,
    /// How it fails.
    pub failure: Failure,
    /// Whether every later call of it fails too.
    pub lasting: bool,
}

/// What was called and how it went, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The operation.
    pub kind: Kind,
    /// Its path; of a rename or link, the new name.
    pub path: PathBuf,
    /// Whether it succeeded.
    pub ok: bool,
}

/// The failing file system. Clones share one state.
#[derive(Clone, Debug)]
pub struct Faulty(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    faults: Vec<(Fault, usize)>,
    calls: Vec<Call>,
    log: Log,
    files: usize,
}

impl Faulty {
    /// A file system over `root`; what is there now counts as durable.
    ///
    /// # Errors
    /// When `root` cannot be read.
    pub fn new(root: &Path) -> io::Result<Self> {
        let state = State { faults: Vec::new(), calls: Vec::new(), log: Log::new(root)?, files: 0 };
        Ok(Self(Arc::new(Mutex::new(state))))
    }

    /// The same as the functions of this crate take it.
    #[must_use]
    pub fn shared(&self) -> Arc<dyn FileSystem> {
        Arc::new(self.clone())
    }

    /// Replaces the failures to come; calls are counted from now.
    pub fn inject(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state().faults = faults.into_iter().map(|fault| (fault, 0)).collect();
    }

    /// What was called so far.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// What took effect so far.
    #[must_use]
    pub fn log(&self) -> Log {
        self.state().log.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does `work` unless a failure is due, and records how it went.
    fn attempt<T>(
        &self,
        kind: Kind,
        path: &Path,
        work: impl FnOnce(Option<Failure>, &mut State) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = self.state();
        let mut due = None;
        for (fault, seen) in state.faults.iter_mut().filter(|(fault, _)| fault.kind == kind) {
            *seen += 1;
            if *seen == fault.nth || (fault.lasting && *seen > fault.nth) {
                due = due.or(Some(fault.failure));
            }
        }
        let result = match due {
            None => work(None, &mut state),
            Some(failure @ (Failure::Short | Failure::Torn)) if kind == Kind::Write => work(Some(failure), &mut state),
            Some(Failure::IoAfterEffect) if !matches!(kind, Kind::SyncData | Kind::SyncDirectory) => {
                work(None, &mut state).and(Err(Failure::Io.error()))
            }
            Some(failure) => Err(failure.error()),
        };
        state.calls.push(Call { kind, path: path.into(), ok: result.is_ok() });
        result
    }
}

impl FileSystem for Faulty {
    fn create_directory(&self, path: &Path) -> io::Result<()> {
        self.attempt(Kind::CreateDirectory, path, |_, state| {
            Disk.create_directory(path)?;
            state.log.directory(path);
            Ok(())
        })
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        let opened = self.attempt(Kind::CreateNew, path, |_, state| {
            let inner = Disk.create_new(path)?;
            state.files += 1;
            state.log.create(path, state.files);
            Ok((inner, state.files))
        });
        let (inner, id) = opened?;
        Ok(Box::new(FaultyFile { fs: self.clone(), inner, id, path: path.into() }))
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        self.attempt(Kind::Open, path, |_, _| Disk.open(path))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        self.attempt(Kind::List, directory, |_, _| Disk.list(directory))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.attempt(Kind::Rename, to, |_, state| {
            Disk.rename(from, to)?;
            state.log.rename(from, to);
            Ok(())
        })
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.attempt(Kind::Rename, to, |_, state| {
            Disk.rename_new(from, to)?;
            state.log.rename(from, to);
            Ok(())
        })
    }

    fn exchange(&self, one: &Path, other: &Path) -> io::Result<()> {
        self.attempt(Kind::Rename, other, |_, state| {
            Disk.exchange(one, other)?;
            state.log.exchange(one, other);
            Ok(())
        })
    }

    fn identity(&self, path: &Path) -> io::Result<FileId> {
        Disk.identity(path)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.attempt(Kind::Link, to, |_, state| {
            Disk.link(from, to)?;
            state.log.link(from, to);
            Ok(())
        })
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.attempt(Kind::RemoveFile, path, |_, state| {
            Disk.remove_file(path)?;
            state.log.remove(path);
            Ok(())
        })
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.attempt(Kind::SyncDirectory, path, |_, state| {
            state.log.sync_directory(path);
            Ok(())
        })
    }
}

#[derive(Debug)]
struct FaultyFile {
    fs: Faulty,
    inner: Box<dyn OpenFile>,
    id: usize,
    path: PathBuf,
}

impl OpenFile for FaultyFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (inner, id) = (&mut self.inner, self.id);
        self.fs.attempt(Kind::Write, &self.path, |failure, state| {
            let kept = if failure.is_some() { bytes.len().div_ceil(2) } else { bytes.len() };
            let count = inner.write(&bytes[..kept])?;
            state.log.write(id, &bytes[..count]);
            if failure == Some(Failure::Torn) { Err(Failure::Torn.error()) } else { Ok(count) }
        })
    }

    fn sync_data(&mut self) -> io::Result<()> {
        let id = self.id;
        let result = self.fs.attempt(Kind::SyncData, &self.path, |_, state| {
            state.log.sync_data(id);
            Ok(())
        });
        if result.is_err() {
            // The kernel reports a failed write-back once and then calls the pages clean: they never reach the disk.
            self.fs.state().log.lose(id);
        }
        result
    }

    fn close(self: Box<Self>) -> io::Result<()> {
        let Self { fs, inner, path, .. } = *self;
        fs.attempt(Kind::Close, &path, |_, _| inner.close())
    }
}
