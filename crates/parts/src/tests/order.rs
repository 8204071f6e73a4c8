//! The order of a commit: bytes before name, name before done.

use super::{stage, write_part};
use crate::fault::{Faulty, Kind};
use crate::{Disk, StoredPart, commit, write_durable};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The calls on the road to `target`, as (operation, name of the file), without the writes.
fn road(fs: &Faulty) -> Vec<(Kind, String)> {
    let calls = fs.calls().into_iter().filter(|call| call.ok && call.kind != Kind::Write);
    calls.map(|call| (call.kind, call.path.file_name().unwrap().to_string_lossy().into_owned())).collect()
}

fn expected(calls: &[(Kind, &str)]) -> Vec<(Kind, String)> {
    calls.iter().map(|(kind, name)| (*kind, (*name).to_string())).collect()
}

#[test]
fn a_part_takes_every_step_in_order() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("job");
    std::fs::create_dir(&root).unwrap();
    let fs = Faulty::new(&root).unwrap();
    let receipt = write_part(&fs.shared(), &root.join("parts"), "0", 0, 100).unwrap();
    let steps = expected(&[
        (Kind::SyncDirectory, home.path().file_name().unwrap().to_str().unwrap()),
        (Kind::CreateDirectory, "parts"),
        (Kind::SyncDirectory, "job"),
        (Kind::CreateDirectory, ".tmp"),
        (Kind::CreateNew, "0.1.1"),
        (Kind::SyncData, "0.1.1"),
        (Kind::Close, "0.1.1"),
        (Kind::Rename, "0"),
        (Kind::SyncDirectory, "parts"),
    ]);
    assert_eq!(road(&fs), steps);
    let calls = fs.calls();
    let last_write = calls.iter().rposition(|call| call.kind == Kind::Write).unwrap();
    assert_eq!(calls[last_write + 1].kind, Kind::SyncData, "nothing is written after the sync");

    let fs = Faulty::new(&root).unwrap();
    write_part(&fs.shared(), &root.join("parts"), "1", 0, 100).unwrap();
    let syncs: Vec<_> = road(&fs).into_iter().filter(|(kind, _)| *kind == Kind::SyncDirectory).collect();
    assert_eq!(syncs, expected(&[(Kind::SyncDirectory, "parts")]), "a part syncs the directory it is in, and no other");

    let fs = Faulty::new(&root).unwrap();
    let parts = [StoredPart { path: root.join("parts/0"), receipt }];
    stage(&fs.shared(), &parts, &root.join("out.tmp"), &[]).unwrap();
    commit(&fs.shared(), &root.join("out.tmp"), &root.join("out"), None).unwrap();
    let steps = expected(&[
        (Kind::Open, "0"),
        (Kind::CreateNew, "out.tmp"),
        (Kind::SyncData, "out.tmp"),
        (Kind::Close, "out.tmp"),
        (Kind::Rename, "out"),
        (Kind::SyncDirectory, "job"),
    ]);
    assert_eq!(road(&fs), steps);

    let fs = Faulty::new(&root).unwrap();
    write_durable(&fs.shared(), &root.join("status"), b"{}").unwrap();
    let kinds: Vec<_> = road(&fs).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [Kind::CreateNew, Kind::SyncData, Kind::Close, Kind::Rename, Kind::SyncDirectory]);
}

const CHILD: &str = "BATCH_CORE_PARTS_ORDER_CHILD";

/// Not a test but what the traced process does; without the variable it does nothing.
#[test]
fn child_writes_a_part() {
    if let Some(root) = std::env::var_os(CHILD) {
        write_part(&Disk::shared(), &PathBuf::from(root).join("parts"), "0.parquet", 0, 100).unwrap();
    }
}

/// The kernel's own account, where strace may give it. The recorded calls above are the same check everywhere else.
#[test]
#[cfg(target_os = "linux")]
fn the_kernel_sees_the_same_order() {
    let home = tempfile::tempdir().unwrap();
    let (root, log) = (home.path().canonicalize().unwrap(), home.path().join("strace.log"));
    let traced = Command::new("strace")
        .args(["-f", "-y", "-e", "trace=mkdir,openat,write,fdatasync,fsync,close,rename,renameat,renameat2", "-o"])
        .arg(&log)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "tests::order::child_writes_a_part", "--test-threads=1"])
        .env(CHILD, &root)
        .output();
    if !traced.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: strace is absent or may not trace");
        return;
    }
    let log = std::fs::read_to_string(log).unwrap();
    let (temporary, parts) = (root.join("parts/.tmp/0.parquet.1.1"), root.join("parts"));
    let quoted = |path: &Path| format!("\"{}\"", path.display());
    let open = |path: &Path| format!("<{}>", path.display());
    let steps = [
        ("mkdir", quoted(&parts)),
        ("fsync", open(&root)),
        ("mkdir", quoted(&parts.join(".tmp"))),
        ("O_EXCL", quoted(&temporary)),
        ("write", open(&temporary)),
        ("fdatasync", open(&temporary)),
        ("close", open(&temporary)),
        ("rename", quoted(&parts.join("0.parquet"))),
        ("fsync", open(&parts)),
    ];
    let mut lines = log.lines();
    for (call, path) in steps {
        let found = lines.find(|line| line.contains(call) && line.contains(&path) && line.contains(" = "));
        let line = found.unwrap_or_else(|| panic!("{call} of {path} is missing or out of order in\n{log}"));
        assert!(!line.contains(" = -1"), "{line}");
    }
}
