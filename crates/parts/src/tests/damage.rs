//! A damaged file is an error that names it: never a panic, never a giant allocation.

use super::{publish_file, write_part};
use crate::{Disk, FOOTER_BYTES_MAX, digest, read_metadata};
use batch_core_error::Code;
use proptest::prelude::*;
use std::path::{Path, PathBuf};

fn part(home: &Path) -> (PathBuf, Vec<u8>) {
    write_part(&Disk::shared(), home, "0", 0, 2_500).unwrap();
    let path = home.join("0");
    let bytes = std::fs::read(&path).unwrap();
    (path, bytes)
}

fn check(path: &Path, bytes: &[u8], reason: &str) {
    std::fs::write(path, bytes).unwrap();
    let error = read_metadata(path).unwrap_err();
    assert_eq!(error.code, Code::Data, "{error}");
    assert!(error.message.contains(path.to_str().unwrap()) && error.message.contains(reason), "{error}");
    let target = path.with_extension("out");
    let error = publish_file(&Disk::shared(), &[path.into()], &target).unwrap_err();
    assert_eq!(error.code, Code::Data, "{error}");
    assert!(!target.exists());
}

#[test]
fn what_is_no_whole_part_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let (path, bytes) = part(home.path());
    check(&path, b"", "0 bytes");
    check(&path, b"PAR1PAR1", "8 bytes");
    check(&path, b"a,b,c\n1,2,3\n1,2,3\n", "PAR1");
    for kept in [11, 12, 100, bytes.len() / 2, bytes.len() - 1] {
        check(&path, &bytes[..kept], "");
    }
    let mut absurd = bytes.clone();
    let length = absurd.len() - 8;
    absurd[length..length + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    check(&path, &absurd, "damaged footer");
    let mut headless = bytes.clone();
    headless[0] = b'Q';
    check(&path, &headless, "PAR1");
    let error = read_metadata(&home.path().join("absent")).unwrap_err();
    assert_eq!(error.code, Code::PathLost);
    assert_eq!(digest(&home.path().join("absent")).unwrap_err().code, Code::PathLost);
    assert_eq!(read_metadata(home.path()).unwrap_err().code, Code::Data, "a directory");
}

#[test]
#[cfg(unix)]
fn a_footer_above_the_bound_is_not_read() {
    use std::os::unix::fs::FileExt;
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("sparse");
    let file = std::fs::File::create(&path).unwrap();
    // A hole of 1 GiB, so that the claimed length is no lie.
    let claimed = u32::try_from(FOOTER_BYTES_MAX + 1).unwrap();
    file.write_all_at(b"PAR1", 0).unwrap();
    let tail = [&claimed.to_le_bytes()[..], b"PAR1"].concat();
    file.write_all_at(&tail, 1 << 30).unwrap();
    assert!(read_metadata(&path).unwrap_err().message.contains("damaged footer"));
}

#[test]
fn a_receipt_knows_a_file_that_was_changed() {
    let home = tempfile::tempdir().unwrap();
    let receipt = write_part(&Disk::shared(), home.path(), "0", 0, 500).unwrap();
    let path = home.path().join("0");
    assert_eq!(digest(&path).unwrap(), receipt.sha256);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert_ne!(digest(&path).unwrap(), receipt.sha256);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]
    #[test]
    fn flipped_bits_and_foreign_bytes_never_panic(
        flips in proptest::collection::vec((any::<proptest::sample::Index>(), 0_u8..8), 1..6),
        footer_only in any::<bool>(),
        noise in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        thread_local! {
            static PART: (tempfile::TempDir, PathBuf, Vec<u8>) = {
                let home = tempfile::tempdir().unwrap();
                let (path, bytes) = part(home.path());
                (home, path, bytes)
            };
        }
        PART.with(|(_, path, bytes)| {
            let mut damaged = bytes.clone();
            let tail = &bytes[bytes.len() - 8..];
            let footer = u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]) as usize + 8;
            let range = if footer_only { footer } else { bytes.len() };
            let first = bytes.len() - range;
            for (place, bit) in &flips {
                damaged[first + place.index(range)] ^= 1 << bit;
            }
            if !noise.is_empty() {
                damaged.splice(first..first + noise.len().min(range), noise.iter().copied());
            }
            std::fs::write(path, &damaged).unwrap();
            // A flip may hide in a statistic or a page: what is read then has the file's own length at least.
            match read_metadata(path) {
                Ok(metadata) => assert_eq!(metadata.bytes, damaged.len() as u64),
                Err(error) => assert_eq!(error.code, Code::Data, "{error}"),
            }
            let target = path.with_extension("out");
            if let Err(error) = publish_file(&Disk::shared(), std::slice::from_ref(path), &target) {
                assert_eq!(error.code, Code::Data, "{error}");
            }
        });
    }
}
