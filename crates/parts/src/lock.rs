//! One process at a time works on a job, and the kernel vouches for it.
//!
//! The lock belongs to the open file, not to the process or to a number in a file: it ends with the process however that
//! dies, it does not pass to programs the process starts, and a second lock in the same process is refused like one from
//! outside. No timeout ever has to guess whether a holder lives. The text in the file only tells people who it is; it
//! proves nothing, so it may be stale.

use crate::error::{At, PartsError, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

/// A probe holds the lock for an instant, and a holder writes its text an instant after it got it: whoever meets either
/// looks again, this often.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(5);

/// More is no holder's text.
const HOLDER_BYTES_MAX: u64 = 4_096;

/// The lock of a job, held until dropped or until the process ends in whatever way.
#[derive(Debug)]
pub struct JobLock {
    file: File,
}

/// Somebody else has the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// What they said of themselves when they took it; empty when they have not yet.
    pub holder: String,
}

impl JobLock {
    /// Takes the lock file at `path`, creating it if need be, and writes `holder` into it ("pid P on host H since T").
    /// The directory must exist. The file stays when the lock is released: removing it could take it from a successor.
    /// A file that has another name too is left to that, and a new one takes its place.
    ///
    /// # Errors
    /// As the operating system says; `OUTPUT_UNWRITABLE` for what is no lock file of ours: a link, which might lead to a
    /// file that is not to be written into, a pipe, another user's. That somebody holds the lock is no error but the inner
    /// `Err`.
    pub fn acquire(path: &Path, holder: &str) -> Result<Result<Self, Held>> {
        let mut text = String::new();
        for attempt in 0..TRIES {
            if attempt > 0 {
                std::thread::sleep(PAUSE);
            }
            let mut file = ours(OpenOptions::new().read(true).write(true).create(true).truncate(false), path)?;
            match file.try_lock() {
                // Whoever held it may have put another file in its place.
                Ok(()) if !is_at(&file, path)? => {}
                Ok(()) => {
                    if names(&file).at("look at", path)? > 1 {
                        file = replaced(path)?;
                    }
                    tell(&mut file, holder).at("write", path)?;
                    return Ok(Ok(Self { file }));
                }
                Err(TryLockError::WouldBlock) => text = read(&mut file).at("read", path)?,
                Err(TryLockError::Error(error)) => return Err(error).at("lock", path),
            }
        }
        Ok(Err(Held { holder: text }))
    }

    /// Whether anybody holds the lock. Waits for nobody, and a holder never notices. What is no lock file is held by nobody.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn is_held(path: &Path) -> Result<bool> {
        let file = match plain(OpenOptions::new().read(true)).open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound || is_link(&error) || is_socket(&error) => {
                return Ok(false);
            }
            opened => opened.at("open", path)?,
        };
        if !file.metadata().at("look at", path)?.is_file() {
            return Ok(false);
        }
        // Shared, so that probes do not see each other; it ends when `file` is closed, at the end of this function.
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error).at("lock", path),
        }
    }

    /// Who holds the lock, in its own words; `None` when nobody does. For a request that is to reach this holder and no
    /// other: a text that a dead one left is not taken for that of a holder of this instant.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn holder(path: &Path) -> Result<Option<String>> {
        for _ in 0..TRIES {
            if !Self::is_held(path)? {
                return Ok(None);
            }
            // A holder has its text in place well before this is over.
            std::thread::sleep(PAUSE);
            let text = plain(OpenOptions::new().read(true)).open(path).and_then(|mut file| read(&mut file));
            let text = text.at("read", path)?;
            if !text.is_empty() {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }
}

/// Opens a regular file of our own, and nothing else: a lock file is written into.
fn ours(options: &mut OpenOptions, path: &Path) -> Result<File> {
    let file = match plain(options).open(path) {
        Err(error) if is_link(&error) => return Err(PartsError::foreign(path, "is a symbolic link")),
        Err(error) if error.kind() == ErrorKind::IsADirectory || is_socket(&error) => {
            return Err(PartsError::foreign(path, "is not a regular file"));
        }
        opened => opened.at("open", path)?,
    };
    let facts = file.metadata().at("look at", path)?;
    if !facts.is_file() {
        return Err(PartsError::foreign(path, "is not a regular file"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        // SAFETY: geteuid takes nothing, touches no memory and cannot fail.
        let user = unsafe { libc::geteuid() };
        if user != 0 && facts.uid() != user {
            return Err(PartsError::foreign(path, "belongs to another user"));
        }
    }
    Ok(file)
}

/// The text is for people and for what they ask of a holder, and proves nothing: a full disk keeps nobody from the lock.
fn tell(file: &mut File, holder: &str) -> std::io::Result<()> {
    let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(holder.as_bytes()));
    match written {
        Err(error) if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => Ok(()),
        written => written,
    }
}

/// A file of its own, locked, in the place of one that has another name too: under that it may be something else, or belong
/// to a backup made of hard links. To be called by whoever holds the lock of that one.
fn replaced(path: &Path) -> Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    let temporary = Path::new(&name);
    match std::fs::remove_file(temporary) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).at("remove", temporary),
        _ => {}
    }
    let file =
        plain(OpenOptions::new().read(true).write(true).create_new(true)).open(temporary).at("create", temporary)?;
    // Nobody else knows the name: nobody has it.
    file.lock().at("lock", temporary)?;
    std::fs::rename(temporary, path).at("rename", temporary)?;
    Ok(file)
}

/// Whether `file` is what lies at `path` now.
fn is_at(file: &File, path: &Path) -> Result<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let there = match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            there => there.at("look at", path)?,
        };
        let own = file.metadata().at("look at", path)?;
        Ok(there.dev() == own.dev() && there.ino() == own.ino())
    }
    #[cfg(not(unix))]
    Ok(true)
}

/// How many names `file` has.
fn names(file: &File) -> std::io::Result<u64> {
    #[cfg(unix)]
    return file.metadata().map(|facts| std::os::unix::fs::MetadataExt::nlink(&facts));
    #[cfg(not(unix))]
    Ok(1)
}

/// Follows no link at the last name, and waits for nobody at a pipe.
fn plain(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).mode(0o600);
    }
    options
}

/// A socket, or a device without a driver: what cannot be opened at all.
fn is_socket(error: &std::io::Error) -> bool {
    #[cfg(unix)]
    return error.raw_os_error() == Some(libc::ENXIO);
    #[cfg(not(unix))]
    return false;
}

fn is_link(error: &std::io::Error) -> bool {
    #[cfg(unix)]
    return error.raw_os_error() == Some(libc::ELOOP);
    #[cfg(not(unix))]
    return false;
}

fn read(file: &mut File) -> std::io::Result<String> {
    let mut text = Vec::new();
    file.rewind()?;
    file.take(HOLDER_BYTES_MAX).read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

impl Drop for JobLock {
    fn drop(&mut self) {
        // Closing the file releases the lock; an empty file says that it was released in order. One that was given another
        // name meanwhile is left as it is there.
        if names(&self.file).is_ok_and(|names| names == 1) {
            let _ = self.file.set_len(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};

    const CHILD: &str = "BATCH_CORE_PARTS_LOCK_CHILD";

    /// Not a test but what another process does: takes the lock and keeps it until it is killed.
    #[test]
    fn child_holds_the_lock() {
        if let Some(path) = std::env::var_os(CHILD) {
            match JobLock::acquire(Path::new(&path), "the child").unwrap() {
                Ok(_lock) => {
                    println!("\nheld");
                    std::thread::sleep(Duration::from_secs(60));
                }
                Err(held) => println!("\nrefused: {}", held.holder),
            }
        }
    }

    /// A process that has tried to take the lock, and what it said.
    fn child(path: &Path) -> (Child, String) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "lock::tests::child_holds_the_lock", "--nocapture"])
            .env(CHILD, path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let said = lines.find(|line| line == "held" || line.starts_with("refused")).unwrap();
        (child, said)
    }

    #[test]
    fn a_second_lock_in_this_process_is_told_who_holds_it() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("job.lock");
        assert!(!JobLock::is_held(&path).unwrap(), "there is no file yet");
        let lock = JobLock::acquire(&path, "pid 1 on host a since noon").unwrap().unwrap();
        let held = JobLock::acquire(&path, "pid 2").unwrap().unwrap_err();
        assert_eq!(held.holder, "pid 1 on host a since noon");
        assert!(JobLock::is_held(&path).unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), b"pid 1 on host a since noon", "nobody disturbed the holder");
        drop(lock);
        assert!(!JobLock::is_held(&path).unwrap());
        let again = JobLock::acquire(&path, "pid 3").unwrap().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"pid 3");
        drop(again);
    }

    #[test]
    fn another_process_is_refused_and_a_killed_one_holds_nothing() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("job.lock");
        let lock = JobLock::acquire(&path, "the parent").unwrap().unwrap();
        let (mut refused, said) = child(&path);
        assert_eq!(said, "refused: the parent");
        refused.wait().unwrap();
        drop(lock);

        let (mut holder, said) = child(&path);
        assert_eq!(said, "held");
        assert!(JobLock::is_held(&path).unwrap());
        assert_eq!(JobLock::acquire(&path, "the parent").unwrap().unwrap_err().holder, "the child");
        holder.kill().unwrap(); // SIGKILL: the child cleans up nothing
        holder.wait().unwrap();
        assert!(!JobLock::is_held(&path).unwrap());
        JobLock::acquire(&path, "the parent").unwrap().unwrap();
    }

    #[test]
    fn a_program_started_by_the_holder_does_not_inherit_the_lock() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("job.lock");
        let other = home.path().join("other.lock");
        let lock = JobLock::acquire(&path, "the parent").unwrap().unwrap();
        let (mut outliving, said) = child(&other);
        assert_eq!(said, "held");
        drop(lock);
        assert!(!JobLock::is_held(&path).unwrap());
        outliving.kill().unwrap();
        outliving.wait().unwrap();
    }

    #[test]
    fn probes_keep_nobody_from_the_lock() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("job.lock");
        std::fs::write(&path, "").unwrap();
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    JobLock::is_held(&path).unwrap();
                    std::thread::sleep(Duration::from_micros(200));
                }
            });
            for _ in 0..200 {
                JobLock::acquire(&path, "the owner").unwrap().unwrap();
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        });
    }

    #[test]
    fn of_twenty_starts_at_once_one_wins() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("job.lock");
        let barrier = std::sync::Barrier::new(20);
        let start = |index: usize| {
            barrier.wait();
            JobLock::acquire(&path, &format!("start {index}")).unwrap()
        };
        let results: Vec<_> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..20).map(|index| scope.spawn(move || start(index))).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        let winners: Vec<_> = (0..20).filter(|index| results[*index].is_ok()).collect();
        assert_eq!(winners.len(), 1);
        let holder = format!("start {}", winners[0]);
        assert!(results.iter().filter_map(|result| result.as_ref().err()).all(|held| held.holder == holder));
    }

    #[test]
    fn the_holder_is_known_by_its_words_and_a_dead_one_is_not() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("job.lock");
        assert_eq!(JobLock::holder(&path).unwrap(), None, "there is no file yet");
        std::fs::write(&path, "one that was killed").unwrap();
        assert_eq!(JobLock::holder(&path).unwrap(), None);
        let lock = JobLock::acquire(&path, "the owner").unwrap().unwrap();
        assert_eq!(JobLock::holder(&path).unwrap().as_deref(), Some("the owner"));
        drop(lock);
        assert_eq!(JobLock::holder(&path).unwrap(), None);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_lock_file_of_ours_is_neither_written_into_nor_waited_for() {
        let home = tempfile::tempdir().unwrap();
        let precious = home.path().join("precious");
        let path = home.path().join("job.lock");
        std::fs::write(&precious, "not to be touched").unwrap();
        let refused = |what: &str, words: &str| {
            let error = JobLock::acquire(&path, "the owner").unwrap_err();
            assert_eq!(error.code(), "OUTPUT_UNWRITABLE", "{what}: {error}");
            assert!(error.message.contains(words), "{what}: {error}");
            assert!(!JobLock::is_held(&path).unwrap(), "{what}");
            assert_eq!(JobLock::holder(&path).unwrap(), None, "{what}");
            assert_eq!(std::fs::read(&precious).unwrap(), b"not to be touched", "{what}");
        };
        std::os::unix::fs::symlink(&precious, &path).unwrap();
        refused("a link", "symbolic link");
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(home.path().join("not-there"), &path).unwrap();
        refused("a link to nowhere", "symbolic link");
        assert!(!home.path().join("not-there").exists());
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        refused("a directory", "not a regular file");
        std::fs::remove_dir(&path).unwrap();
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        refused("a pipe", "not a regular file");
        std::fs::remove_file(&path).unwrap();
        JobLock::acquire(&path, "the owner").unwrap().unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_has_another_name_is_left_to_that() {
        let home = tempfile::tempdir().unwrap();
        let (other, path) = (home.path().join("other"), home.path().join("job.lock"));
        std::fs::write(&other, "not to be touched").unwrap();
        std::fs::hard_link(&other, &path).unwrap();
        // What a kill left.
        std::fs::write(home.path().join("job.lock.tmp"), "stale").unwrap();
        let lock = JobLock::acquire(&path, "the owner").unwrap().unwrap();
        assert_eq!(JobLock::acquire(&path, "another").unwrap().unwrap_err().holder, "the owner");
        assert_eq!(JobLock::holder(&path).unwrap().as_deref(), Some("the owner"));
        assert!(!JobLock::is_held(&other).unwrap());
        drop(lock);
        JobLock::acquire(&path, "another").unwrap().unwrap();
        assert_eq!(std::fs::read(&other).unwrap(), b"not to be touched");
        assert!(!home.path().join("job.lock.tmp").exists());
    }

    #[cfg(unix)]
    #[test]
    fn of_many_that_meet_a_file_with_another_name_one_wins() {
        for _ in 0..50 {
            let home = tempfile::tempdir().unwrap();
            let path = home.path().join("job.lock");
            std::fs::write(&path, "").unwrap();
            std::fs::hard_link(&path, home.path().join("other")).unwrap();
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    let path = path.clone();
                    std::thread::spawn(move || JobLock::acquire(&path, "one of many").unwrap().ok())
                })
                .collect();
            let won: Vec<_> = threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect();
            assert_eq!(won.len(), 1);
        }
    }
}
