//! Whatever is written, in whatever order, with whatever failing and wherever the power goes: a final name never holds
//! wrong bytes, and what was reported as done stays.

use super::{batch, schema};
use crate::fault::{CrashState, Failure, Fault, Faulty, Kind};
use crate::{PartOptions, PartWriter, Result, create_directories, write_durable};
use batch_core_error::Code;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const PARTS: usize = 3;
/// What the injected failures are called.
const CODES: [Code; 6] =
    [Code::DiskFull, Code::QuotaExceeded, Code::DiskError, Code::ReadOnly, Code::OutputUnwritable, Code::TransientIo];

#[derive(Clone, Debug)]
enum Step {
    /// Writes part 0, 1 or 2, in batches cut at any row; dropped half way when not finished.
    Part { which: usize, cut: usize, finished: bool },
    /// Writes the next version of the status file.
    Status,
    /// Joins the parts, where all exist.
    Publish,
}

fn steps() -> impl Strategy<Value = Vec<(Step, Vec<Fault>)>> {
    let part = (0..PARTS, 0_usize..1_000, prop::bool::weighted(0.9));
    let part = part.prop_map(|(which, cut, finished)| Step::Part { which, cut, finished });
    let step = prop_oneof![4 => part, 2 => Just(Step::Status), 2 => Just(Step::Publish)];
    let fault = (select(Kind::ALL.to_vec()), 1_usize..4, select(Failure::ALL.to_vec()), any::<bool>());
    let fault = fault.prop_map(|(kind, nth, failure, lasting)| Fault { kind, nth, failure, lasting });
    prop::collection::vec((step, prop::collection::vec(fault, 0..3)), 1..12)
}

fn write(fs: &Faulty, parts: &Path, tag: usize, which: usize, cut: usize, finished: bool) -> Result<()> {
    let options = PartOptions { row_group_rows: 40, ..PartOptions::default() };
    let rows = batch(100 * i64::try_from(which).unwrap(), 30 * i64::try_from(which).unwrap());
    let (name, tag) = (format!("{which}.parquet"), format!("{which}.{tag}"));
    create_directories(&fs.shared(), parts)?; // as each execution's owner does
    let mut part = PartWriter::create(&fs.shared(), parts, &name, schema(), &options, &tag)?;
    let cut = cut % (rows.num_rows() + 1);
    part.write(&rows.slice(0, cut))?;
    part.write(&rows.slice(cut, rows.num_rows() - cut))?;
    if finished { part.finish().map(drop) } else { Ok(()) }
}

/// What the final names should hold, and what they must hold by now.
struct Promise {
    root: PathBuf,
    /// The bytes of each file that has but one right content.
    right: BTreeMap<PathBuf, Vec<u8>>,
    /// Those of them that were reported as done.
    done: Vec<PathBuf>,
    /// Versions of the status file: reported as done, and begun.
    status: (u64, u64),
}

impl Promise {
    fn holds(&self, state: &CrashState) -> std::result::Result<(), String> {
        for (path, right) in &self.right {
            match state.files.get(path) {
                Some(bytes) if bytes != right => return Err(format!("{} is wrong", path.display())),
                None if self.done.contains(path) => return Err(format!("{} was done and is gone", path.display())),
                _ => {}
            }
        }
        let status = state.files.get(&self.root.join("status"));
        let version = status.map(|bytes| u64::from_le_bytes(bytes.as_slice().try_into().unwrap_or([0xff; 8])));
        let (done, begun) = self.status;
        let fits = version.map_or(done == 0, |version| (done..=begun).contains(&version));
        if fits { Ok(()) } else { Err(format!("status is {version:?}, done is {done}, begun {begun}")) }
    }

    /// Also holds for the disk as it is.
    fn now(&self) -> CrashState {
        let paths = self.right.keys().cloned().chain([self.root.join("status")]);
        CrashState { files: paths.filter_map(|path| Some((path.clone(), std::fs::read(path).ok()?))).collect() }
    }
}

/// What undisturbed writes give.
fn right(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let home = tempfile::tempdir().unwrap();
    let fs = Faulty::new(home.path()).unwrap();
    let parts = home.path().join("parts");
    for which in 0..PARTS {
        write(&fs, &parts, 0, which, 0, true).unwrap();
    }
    publish(&fs.shared(), home.path()).unwrap();
    let names = (0..PARTS).map(|which| format!("parts/{which}.parquet")).chain(["out".into()]);
    names.map(|name| (root.join(&name), std::fs::read(home.path().join(name)).unwrap())).collect()
}

fn publish(fs: &Arc<dyn crate::FileSystem>, root: &Path) -> Result<()> {
    let parts: Vec<_> = (0..PARTS).map(|which| root.join(format!("parts/{which}.parquet"))).collect();
    super::publish_file(fs, &parts, &root.join("out")).map(drop)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
    #[test]
    fn no_final_name_ever_holds_wrong_bytes(steps in steps(), points in prop::collection::vec(any::<Index>(), 2)) {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("home");
        std::fs::create_dir(&root).unwrap();
        let fs = Faulty::new(&root).unwrap();
        let mut promise = Promise { right: right(&root), root: root.clone(), done: Vec::new(), status: (0, 0) };
        for (tag, (step, faults)) in steps.into_iter().enumerate() {
            let before = fs.log().len();
            fs.inject(faults);
            let (result, done) = match step {
                Step::Part { which, cut, finished } => {
                    let result = write(&fs, &root.join("parts"), tag, which, cut, finished);
                    (result, finished.then(|| root.join(format!("parts/{which}.parquet"))))
                }
                Step::Status => {
                    promise.status.1 += 1;
                    let result = write_durable(&fs.shared(), &root.join("status"), &promise.status.1.to_le_bytes());
                    (result, None)
                }
                Step::Publish => (publish(&fs.shared(), &root), Some(root.join("out"))),
            };
            // Up to its last effect the step promised nothing new.
            let log = fs.log();
            for point in &points {
                let point = before + point.index(log.len() - before + 1);
                let mut broken = Ok(());
                log.crash_states(point, |state| broken = broken.clone().and_then(|()| promise.holds(state)));
                prop_assert_eq!(broken, Ok(()));
            }
            match (result, done) {
                (Ok(()), Some(path)) => promise.done.push(path),
                (Ok(()), None) if matches!(step, Step::Status) => promise.status.0 = promise.status.1,
                (Ok(()), None) => {}
                (Err(error), _) => {
                    let absent = matches!(step, Step::Publish) && error.code == Code::PathLost;
                    let known = CODES.contains(&error.code);
                    prop_assert!(known || absent, "{}", error);
                }
            }
            let mut broken = promise.holds(&promise.now());
            log.crash_states(log.len(), |state| broken = broken.clone().and_then(|()| promise.holds(state)));
            prop_assert_eq!(broken, Ok(()));
        }
    }
}
