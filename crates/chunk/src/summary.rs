//! A summary on its way to the merger: its bytes, or the name of a durable file that holds them.
//!
//! A job's database keeps in memory what is written into it until it is checkpointed, and a summary has megabytes: kept
//! there, memory would grow with the source. So a worker writes a large one into a file beside the state it was made
//! from, and what is committed is this file's name and digest. Who merges reads one file at a time.

use crate::digest::sha256;
use batch_core_error::{Code, Error};
use batch_core_parts::{Disk, FileSystem, write_durable};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// No summary begins like this: theirs have magics of their own.
const MAGIC: &[u8] = b"batch-core-summary-file\n";

/// Up to here the bytes travel themselves.
const INLINE_BYTES_MAX: usize = 16 << 10;

#[derive(Serialize, Deserialize)]
struct Reference {
    file: PathBuf,
    bytes: u64,
    sha256: String,
}

/// Puts `summary` into the file `path`, on disk when this returns, and answers with what names it; a small one is its own
/// answer. The directory is the job's, which its owner made durably.
///
/// # Errors
/// As the operating system says.
pub fn keep_summary(path: &Path, summary: Vec<u8>) -> Result<Vec<u8>, Error> {
    if summary.len() <= INLINE_BYTES_MAX {
        return Ok(summary);
    }
    let disk: Arc<dyn FileSystem> = Disk::shared();
    write_durable(&disk, path, &summary)?;
    let reference = Reference { file: path.into(), bytes: summary.len() as u64, sha256: sha256(&summary) };
    let json = serde_json::to_vec(&reference)
        .map_err(|e| Error::bug(format!("cannot name the summary {}: {e}", path.display())))?;
    Ok([MAGIC, &json].concat())
}

/// The summary that `kept` is or names.
///
/// # Errors
/// `JOB_DAMAGED` when the file is not there or not what was written.
pub fn kept_summary(kept: &[u8]) -> Result<Cow<'_, [u8]>, Error> {
    let Some(json) = kept.strip_prefix(MAGIC) else { return Ok(Cow::Borrowed(kept)) };
    let damaged = |what: String| Error::new(Code::JobDamaged, what);
    let reference: Reference =
        serde_json::from_slice(json).map_err(|e| damaged(format!("a summary's file has no name: {e}")))?;
    let Reference { file, bytes, sha256: expected } = reference;
    let fails = |what: &str| damaged(format!("the summary {} {what}", file.display())).in_file(&file);
    let size = match std::fs::metadata(&file) {
        Ok(about) if about.is_file() => about.len(),
        Ok(_) => return Err(fails("is no file")),
        Err(error) => return Err(fails(&format!("cannot be read: {error}")).because(error)),
    };
    if size != bytes {
        return Err(fails(&format!("has {size} bytes; {bytes} were written")));
    }
    let summary = std::fs::read(&file).map_err(|e| fails(&format!("cannot be read: {e}")).because(e))?;
    if sha256(&summary) == expected { Ok(Cow::Owned(summary)) } else { Err(fails("is not what was written")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn large() -> Vec<u8> {
        (0..INLINE_BYTES_MAX).flat_map(usize::to_le_bytes).collect()
    }

    #[test]
    fn a_small_summary_is_its_own_name() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a");
        let kept = keep_summary(&path, b"bcfitsum".to_vec()).unwrap();
        assert_eq!((kept.as_slice(), path.exists()), (&b"bcfitsum"[..], false));
        assert_eq!(*kept_summary(&kept).unwrap(), *b"bcfitsum");
    }

    #[test]
    fn a_large_one_is_found_again_and_replaced_by_a_second_attempt() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a");
        let kept = keep_summary(&path, large()).unwrap();
        assert!(kept.len() < 1_000, "{}", kept.len());
        assert_eq!(*kept_summary(&kept).unwrap(), *large());
        assert_eq!(keep_summary(&path, large()).unwrap(), kept);
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1, "no temporary stays");
    }

    #[test]
    fn damage_is_told_with_the_file() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a");
        let kept = keep_summary(&path, large()).unwrap();
        let mut bytes = large();
        bytes[77] ^= 1;
        for damage in [Some(bytes), Some(large()[1..].to_vec()), None] {
            match &damage {
                Some(bytes) => std::fs::write(&path, bytes).unwrap(),
                None => std::fs::remove_file(&path).unwrap(),
            }
            let error = kept_summary(&kept).unwrap_err();
            assert_eq!((error.code, error.place.file.as_deref()), (Code::JobDamaged, Some(path.as_path())), "{error}");
        }
        assert_eq!(kept_summary(&kept[..kept.len() - 2]).unwrap_err().code, Code::JobDamaged);
    }
}
