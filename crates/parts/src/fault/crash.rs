//! What a power loss may leave behind.
//!
//! The model is as hostile as POSIX allows. Until its directory is synced, each change of a name may have happened or
//! not, independently of all others; a rename is two changes, one for each name. Until a file is synced, the bytes
//! written since may be there, absent, cut off, zeros, or present behind a hole. A file or directory whose own name was
//! lost is gone with everything below it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// States above this number are sampled instead of enumerated.
const STATES_MAX: u64 = 1_024;

#[derive(Clone, Debug)]
enum Effect {
    Directory(PathBuf),
    Create(PathBuf, usize),
    Write(usize, Arc<[u8]>),
    SyncData(usize),
    Lose(usize),
    Rename(PathBuf, PathBuf),
    Exchange(PathBuf, PathBuf),
    Link(PathBuf, PathBuf),
    Remove(PathBuf),
    SyncDirectory(PathBuf),
}

/// Everything that took effect, in order, on top of what was there before.
#[derive(Clone, Debug)]
pub struct Log {
    base: BTreeMap<PathBuf, Node>,
    effects: Vec<Effect>,
}

/// What a name stands for.
#[derive(Clone, Debug)]
enum Node {
    Directory,
    /// A file that was there before.
    Old(Arc<[u8]>),
    /// A file created through the double.
    New(usize),
}

impl Log {
    pub(super) fn new(root: &Path) -> io::Result<Self> {
        fn read(directory: &Path, base: &mut BTreeMap<PathBuf, Node>) -> io::Result<()> {
            for entry in std::fs::read_dir(directory)? {
                let path = entry?.path();
                if path.is_dir() {
                    base.insert(path.clone(), Node::Directory);
                    read(&path, base)?;
                } else {
                    let bytes = std::fs::read(&path)?;
                    base.insert(path, Node::Old(bytes.into()));
                }
            }
            Ok(())
        }
        let mut base = BTreeMap::from([(root.to_path_buf(), Node::Directory)]);
        read(root, &mut base)?;
        Ok(Self { base, effects: Vec::new() })
    }

    pub(super) fn directory(&mut self, path: &Path) {
        self.effects.push(Effect::Directory(path.into()));
    }

    pub(super) fn create(&mut self, path: &Path, id: usize) {
        self.effects.push(Effect::Create(path.into(), id));
    }

    pub(super) fn write(&mut self, id: usize, bytes: &[u8]) {
        self.effects.push(Effect::Write(id, bytes.into()));
    }

    pub(super) fn sync_data(&mut self, id: usize) {
        self.effects.push(Effect::SyncData(id));
    }

    pub(super) fn lose(&mut self, id: usize) {
        self.effects.push(Effect::Lose(id));
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) {
        self.effects.push(Effect::Rename(from.into(), to.into()));
    }

    pub(super) fn exchange(&mut self, one: &Path, other: &Path) {
        self.effects.push(Effect::Exchange(one.into(), other.into()));
    }

    pub(super) fn link(&mut self, from: &Path, to: &Path) {
        self.effects.push(Effect::Link(from.into(), to.into()));
    }

    pub(super) fn remove(&mut self, path: &Path) {
        self.effects.push(Effect::Remove(path.into()));
    }

    pub(super) fn sync_directory(&mut self, path: &Path) {
        self.effects.push(Effect::SyncDirectory(path.into()));
    }

    /// The number of effects: crash points run from 0 to this.
    #[must_use]
    pub fn len(&self) -> usize {
        self.effects.len()
    }

    /// Whether nothing took effect.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.effects.is_empty()
    }

    /// The same log as if no file had been synced: a control that a test of durability must fail.
    #[must_use]
    pub fn without_sync_data(mut self) -> Self {
        self.effects.retain(|effect| !matches!(effect, Effect::SyncData(_)));
        self
    }

    /// The same log as if no directory had been synced.
    #[must_use]
    pub fn without_sync_directory(mut self) -> Self {
        self.effects.retain(|effect| !matches!(effect, Effect::SyncDirectory(_)));
        self
    }

    /// Shows `visit` the states in which a power loss after the first `point` effects may leave the disk: all of them,
    /// or a fixed sample where they are too many.
    pub fn crash_states(&self, point: usize, mut visit: impl FnMut(&CrashState)) {
        let model = Model::replay(&self.base, &self.effects[..point]);
        let unsynced: Vec<usize> = model.files.iter().filter(|(_, file)| file.unsynced()).map(|(id, _)| *id).collect();
        let count = (1_u64.checked_shl(u32::try_from(model.pending.len()).unwrap_or(64)).unwrap_or(u64::MAX))
            .saturating_mul(5_u64.saturating_pow(u32::try_from(unsynced.len()).unwrap_or(64)));
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        for state in 0..count.min(STATES_MAX) {
            let mut choice = state;
            if count > STATES_MAX && state > 1 {
                // xorshift64: 0 (nothing kept) and 1 are always looked at, the rest at random.
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                choice = random % count;
            }
            visit(&model.choose(choice, &unsynced));
        }
    }
}

/// The disk after a power loss.
#[derive(Clone, Debug)]
pub struct CrashState {
    /// Every file that can still be reached, with its bytes.
    pub files: BTreeMap<PathBuf, Vec<u8>>,
}

/// A change of one name: what it stands for from now on, if anything.
type Change = (PathBuf, Option<Node>);

#[derive(Debug, Default)]
struct Model {
    /// Names as the running system sees them.
    names: BTreeMap<PathBuf, Node>,
    /// Names as they are on the disk.
    durable: BTreeMap<PathBuf, Node>,
    pending: Vec<Change>,
    files: BTreeMap<usize, Content>,
}

/// Files are only ever appended to.
#[derive(Debug, Default)]
struct Content {
    written: Vec<u8>,
    durable: usize,
    /// From here on no sync helps any more.
    lost_from: Option<usize>,
}

impl Content {
    fn unsynced(&self) -> bool {
        self.durable < self.written.len()
    }

    fn variant(&self, which: u64) -> Vec<u8> {
        let (safe, rest) = self.written.split_at(self.durable);
        let half = rest.len() / 2;
        let rest = match which {
            0 => Vec::new(),
            1 => rest.to_vec(),
            2 => rest[..half].to_vec(),
            3 => vec![0; rest.len()],
            _ => [&vec![0; half], &rest[half..]].concat(),
        };
        [safe, &rest].concat()
    }
}

impl Model {
    fn replay(base: &BTreeMap<PathBuf, Node>, effects: &[Effect]) -> Self {
        let mut model = Self { names: base.clone(), durable: base.clone(), ..Self::default() };
        for effect in effects {
            model.apply(effect);
        }
        model
    }

    fn change(&mut self, path: &Path, node: Option<Node>) {
        match &node {
            Some(node) => self.names.insert(path.into(), node.clone()),
            None => self.names.remove(path),
        };
        self.pending.push((path.into(), node));
    }

    fn apply(&mut self, effect: &Effect) {
        match effect {
            Effect::Directory(path) => self.change(path, Some(Node::Directory)),
            Effect::Create(path, id) => {
                self.files.insert(*id, Content::default());
                self.change(path, Some(Node::New(*id)));
            }
            Effect::Write(id, bytes) => self.files.entry(*id).or_default().written.extend_from_slice(bytes),
            Effect::SyncData(id) => {
                let file = self.files.entry(*id).or_default();
                file.durable = file.lost_from.unwrap_or(file.written.len());
            }
            Effect::Lose(id) => {
                let file = self.files.entry(*id).or_default();
                file.lost_from.get_or_insert(file.durable);
            }
            Effect::Rename(from, to) => {
                let node = self.names.get(from).cloned();
                self.change(from, None);
                self.change(to, node);
            }
            Effect::Exchange(one, other) => {
                let nodes = [one, other].map(|path| self.names.get(path).cloned());
                let [first, second] = nodes;
                self.change(one, second);
                self.change(other, first);
            }
            Effect::Link(from, to) => {
                let node = self.names.get(from).cloned();
                self.change(to, node);
            }
            Effect::Remove(path) => self.change(path, None),
            Effect::SyncDirectory(directory) => {
                let (now, later) = std::mem::take(&mut self.pending)
                    .into_iter()
                    .partition(|(path, _)| path.parent() == Some(directory.as_path()));
                self.pending = later;
                for change in now {
                    settle(&mut self.durable, change);
                }
            }
        }
    }

    /// The state in which the bits of `choice` say which pending changes happened, and its rest what files hold.
    fn choose(&self, choice: u64, unsynced: &[usize]) -> CrashState {
        let mut names = self.durable.clone();
        for (bit, change) in self.pending.iter().enumerate() {
            if shifted(choice, bit) & 1 == 1 {
                settle(&mut names, change.clone());
            }
        }
        let mut rest = shifted(choice, self.pending.len());
        let mut contents = BTreeMap::new();
        for (id, file) in &self.files {
            let which = if unsynced.contains(id) { rest % 5 } else { 1 };
            rest = if unsynced.contains(id) { rest / 5 } else { rest };
            contents.insert(*id, file.variant(which));
        }
        let reachable = |path: &Path| {
            let known = path.ancestors().skip(1).take_while(|above| self.names.contains_key(*above));
            known.into_iter().all(|above| names.contains_key(above))
        };
        let files = names.iter().filter(|(path, _)| reachable(path)).filter_map(|(path, node)| match node {
            Node::Directory => None,
            Node::Old(bytes) => Some((path.clone(), bytes.to_vec())),
            Node::New(id) => Some((path.clone(), contents[id].clone())),
        });
        CrashState { files: files.collect() }
    }
}

fn settle(names: &mut BTreeMap<PathBuf, Node>, (path, node): Change) {
    match node {
        Some(node) => names.insert(path, node),
        None => names.remove(&path),
    };
}

fn shifted(choice: u64, bits: usize) -> u64 {
    u32::try_from(bits).ok().and_then(|bits| choice.checked_shr(bits)).unwrap_or(0)
}
