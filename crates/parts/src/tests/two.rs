//! Two runs that publish into one directory at once, each stopped before any of its calls while the other goes on.

use super::directory::{directory_part, names};
use crate::{
    DirectoryPart, DirectoryRequest, Disk, FileId, FileSystem, OpenFile, Replaced, publish_directory, write_committed,
};
use batch_core_error::Code;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

type Before = Box<dyn FnMut(usize, &'static str) + Send>;

/// The disk, where `before` is told the number of each call and what it does. Names are made durable in no time.
pub(super) struct Watched {
    calls: AtomicUsize,
    before: Mutex<Before>,
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Watched")
    }
}

impl Watched {
    pub(super) fn new(before: impl FnMut(usize, &'static str) + Send + 'static) -> Self {
        Self { calls: AtomicUsize::new(0), before: Mutex::new(Box::new(before)) }
    }

    fn disk(&self, operation: &'static str) -> Disk {
        (self.before.lock().unwrap())(self.calls.fetch_add(1, Ordering::Relaxed), operation);
        Disk
    }
}

impl FileSystem for Watched {
    fn create_directory(&self, path: &Path) -> io::Result<()> {
        self.disk("create_directory").create_directory(path)
    }
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        self.disk("create_new").create_new(path)
    }
    fn open(&self, path: &Path) -> io::Result<File> {
        self.disk("open").open(path)
    }
    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        self.disk("list").list(directory)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk("rename").rename(from, to)
    }
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk("rename_new").rename_new(from, to)
    }
    fn exchange(&self, one: &Path, other: &Path) -> io::Result<()> {
        self.disk("exchange").exchange(one, other)
    }
    fn identity(&self, path: &Path) -> io::Result<FileId> {
        self.disk("identity").identity(path)
    }
    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk("link").link(from, to)
    }
    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.disk("remove_file").remove_file(path)
    }
    fn sync_directory(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
}

/// One of the two, and what it would publish.
struct Publisher {
    parts: Vec<DirectoryPart>,
    manifest: &'static [u8],
    intent: &'static [u8],
}

impl Publisher {
    fn new(home: &Path, name: &str, first: i64, says: [&'static [u8]; 2]) -> Self {
        let home = home.join(name);
        let parts = (0..2).map(|part| directory_part(&home, &part.to_string(), first + part)).collect();
        Self { parts, manifest: says[0], intent: says[1] }
    }

    fn publish(&self, fs: Watched, directory: &Path, replaces: &[Replaced]) -> crate::Result<()> {
        let Self { parts, manifest, intent } = self;
        let request = DirectoryRequest { directory, parts, manifest, intent, replaces };
        let fs: Arc<dyn FileSystem> = Arc::new(fs);
        publish_directory(&fs, &request, &mut |_| Ok(()))
    }

    /// Whether the directory is what this one publishes, and all of it.
    fn is_whole(&self, directory: &Path) -> bool {
        names(directory) == ["_SUCCESS", "manifest.json", "part-0.parquet", "part-1.parquet"]
            && std::fs::read(directory.join("manifest.json")).unwrap() == self.manifest
            && self.parts.iter().all(|part| self.lies(directory, &part.name))
    }

    fn lies(&self, directory: &Path, name: &str) -> bool {
        let part = self.parts.iter().find(|part| part.name == name).unwrap();
        std::fs::read(directory.join(name)).unwrap() == std::fs::read(&part.source).unwrap()
    }
}

/// What `--force` replaces: all that it finds, but what is half written.
fn found(directory: &Path) -> Vec<Replaced> {
    let Ok(paths) = Disk.list(directory) else { return Vec::new() };
    let whole = paths.iter().filter(|path| path.extension().is_none_or(|end| end != "tmp"));
    whole
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?.to_string();
            Some(Replaced { name, id: Disk.identity(path).ok()? })
        })
        .collect()
}

/// Somebody's, as the next run finds it: told by the manifest, by the intent, or by parts that are all of one output.
fn is_known(publishers: [&Publisher; 2], directory: &Path) -> bool {
    let names = names(directory);
    let parts: Vec<_> = names.iter().filter(|name| name.starts_with("part-")).collect();
    names.iter().any(|name| name == "manifest.json" || name == ".batch-core-publishing.json")
        || publishers.iter().any(|one| parts.iter().all(|name| one.lies(directory, name)))
}

/// Lets the first go until its call `stop`, then the second until its call `pause`, then each to its end. Whether they came
/// to where they were to be stopped.
fn race(home: &Path, [first, second]: [&Publisher; 2], stop: usize, pause: usize, early: bool) -> [bool; 2] {
    let output = home.join("output");
    let _ = std::fs::remove_dir_all(&output); // of the race before
    std::fs::create_dir(&output).unwrap();
    let looked = found(&output);
    let came = [false; 2].map(|_| Arc::new(AtomicBool::new(false)));
    let (begin, begins) = channel();
    let (go_on, goes_on) = channel();
    let (end, ends) = channel();
    // Each sends once more than the other may wait for: when it has ended, nobody is to be waiting.
    let results = std::thread::scope(|scope| {
        let (reached, directory) = (Arc::clone(&came[1]), output.as_path());
        let other = scope.spawn(move || {
            begins.recv().unwrap();
            let told = go_on.clone();
            let watched = Watched::new(move |call, _| {
                if call == pause {
                    reached.store(true, Ordering::Relaxed);
                    let _ = told.send(());
                    ends.recv().unwrap();
                }
            });
            let replaces = if early { looked } else { found(directory) };
            let result = second.publish(watched, directory, &replaces);
            let _ = go_on.send(());
            result
        });
        let (reached, told) = (Arc::clone(&came[0]), begin.clone());
        let watched = Watched::new(move |call, _| {
            if call == stop {
                reached.store(true, Ordering::Relaxed);
                told.send(()).unwrap();
                goes_on.recv().unwrap();
            }
        });
        let result = first.publish(watched, &output, &[]);
        let _ = begin.send(());
        let _ = end.send(());
        [result, other.join().unwrap()]
    });
    let place = format!("first stopped at {stop}, second at {pause}, early {early}: {results:?} {:?}", names(&output));
    let whole = [first, second].map(|one| one.is_whole(&output));
    if results[1].is_ok() {
        assert!(whole[1], "{place}");
    } else if results[0].is_ok() {
        assert!(whole[0], "{place}");
    } else {
        assert!(is_known([first, second], &output), "{place}");
    }
    if output.join("_SUCCESS").exists() {
        assert!(whole[0] || whole[1], "{place}");
    }
    for failure in results.iter().filter_map(|result| result.as_ref().err()) {
        assert_eq!(failure.code, Code::OutputExists, "{place}");
    }
    came.map(|came| came.load(Ordering::Relaxed))
}

#[test]
fn two_that_publish_into_one_directory_never_leave_a_mixture() {
    let home = tempfile::tempdir().unwrap();
    let first = Publisher::new(home.path(), "first", 0, [b"the first", b"{\"first\"}"]);
    let second = Publisher::new(home.path(), "second", 1_000, [b"the second", b"{\"second\"}"]);
    let mut races = 0;
    for early in [false, true] {
        for stop in 0.. {
            let mut came = true;
            for pause in 0.. {
                let [first_came, second_came] = race(home.path(), [&first, &second], stop, pause, early);
                came &= first_came;
                races += 1;
                if !second_came {
                    break;
                }
            }
            if !came {
                break;
            }
        }
    }
    assert!(races > 1_000, "{races}");
}

/// What somebody does at the target while a file is committed there.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    Put(&'static str),
    Remove,
    Make,
}

impl Act {
    /// Does it; what it destroys itself is no loss. What is there to be found afterwards.
    fn at(self, target: &Path, made: &mut Vec<&'static str>) {
        let there = std::fs::read_to_string(target).unwrap_or_default();
        match self {
            Self::Put(text) => {
                let fresh = target.with_file_name(text);
                std::fs::write(&fresh, text).unwrap();
                if std::fs::rename(&fresh, target).is_err() {
                    return std::fs::remove_file(fresh).unwrap(); // a directory lies there
                }
                made.retain(|text| *text != there);
                made.push(text);
            }
            Self::Remove if std::fs::remove_file(target).is_ok() => made.retain(|text| *text != there),
            Self::Make if std::fs::create_dir(target).is_ok() => made.push(""),
            Self::Remove | Self::Make => {}
        }
    }
}

/// Commits over an approved file while somebody does `first` before its call `one`, and `second` before the call `two`.
/// Whether there were so many calls.
fn disturbed(home: &Path, [first, second]: [Act; 2], one: usize, two: usize) -> bool {
    let directory = home.join("place");
    let _ = std::fs::remove_dir_all(&directory); // of the round before
    std::fs::create_dir(&directory).unwrap();
    let (target, temporary) = (directory.join("target"), directory.join("staged.tmp"));
    std::fs::write(&target, "old").unwrap();
    let approved = Disk.identity(&target).unwrap();
    let made = Arc::new(Mutex::new((Vec::new(), 0)));
    let (place, making) = (target.clone(), Arc::clone(&made));
    let fs: Arc<dyn FileSystem> = Arc::new(Watched::new(move |call, _| {
        let (made, calls) = &mut *making.lock().unwrap();
        *calls = call;
        for act in [(one, first), (two, second)].into_iter().filter(|(at, _)| *at == call) {
            act.1.at(&place, made);
        }
    }));
    let result = write_committed(&fs, &temporary, &target, b"staged", Some(approved));
    let (made, calls) = &*made.lock().unwrap();
    let place = format!("{first:?} before {one}, {second:?} before {two}: {result:?} {:?}", names(&directory));
    let texts: Vec<_> = names(&directory)
        .iter()
        .map(|name| std::fs::read_to_string(directory.join(name)).unwrap_or_default())
        .collect();
    for text in made {
        assert!(texts.iter().any(|found| found == text), "{text} is lost: {place} {texts:?}");
    }
    assert!(!temporary.exists(), "{place}");
    if let Err(error) = &result {
        assert_eq!(error.code, Code::OutputExists, "{place}");
        let elsewhere = names(&directory).iter().any(|name| name.contains(".swap"));
        assert_eq!(elsewhere, error.message.contains(".swap"), "what is kept elsewhere is named: {place}");
    } else {
        assert_eq!(names(&directory).iter().filter(|name| *name != "target").count(), 0, "{place}");
    }
    *calls >= one.max(two)
}

#[test]
fn nothing_that_comes_while_a_file_is_replaced_is_lost() {
    let home = tempfile::tempdir().unwrap();
    let acts = [Act::Put("first"), Act::Remove, Act::Make];
    let more = [Act::Put("second"), Act::Remove, Act::Make];
    let mut rounds = 0;
    for pair in acts.into_iter().flat_map(|act| more.map(|other| [act, other])) {
        for one in 0..40 {
            for two in one..40 {
                rounds += 1;
                if !disturbed(home.path(), pair, one, two) {
                    break;
                }
            }
        }
    }
    assert!(rounds > 500, "{rounds}");
}
