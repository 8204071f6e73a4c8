//! The laws of the lock.

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

/// Between fork and exec, a program that another thread starts has every descriptor of this process.
#[test]
fn what_is_let_go_is_free_whoever_else_has_its_descriptor() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("job.lock");
    let lock = JobLock::acquire(&path, "the first").unwrap().unwrap();
    let _forked = lock.file.try_clone().unwrap();
    drop(lock);
    assert_eq!(std::fs::read(&path).unwrap(), b"", "released in order");
    assert!(!JobLock::is_held(&path).unwrap());

    let probe = File::open(&path).unwrap();
    let _forked_too = probe.try_clone().unwrap();
    assert!(!is_locked(&probe).unwrap());
    JobLock::acquire(&path, "the second").unwrap().unwrap();
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
