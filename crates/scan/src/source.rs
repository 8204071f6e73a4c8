//! Input paths, and the names by which DuckDB opens exactly those files.
//!
//! `read_parquet` takes a pattern, not a path: `data[1].parquet` reads `data1.parquet`, a leading `~` is a home
//! directory and `s3://` a network. Absolute paths settle all but the pattern characters. DuckDB's own escape, `[[]`,
//! makes it list the whole directory, falls back to a literal reading of the escaped text, and cannot be used in a path
//! with a backslash; so a path with such characters is opened through a symbolic link with a plain name, in a directory
//! of our own. DuckDB resolves links when it checks a path, so what is allowed is still the exact file.

use batch_core_error::Error;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The files a scanner may read.
pub(crate) struct Sources {
    names: HashMap<PathBuf, String>,
    /// Keeps the links; removed with `self`.
    _links: Option<links::Links>,
}

impl Sources {
    /// Prepares the names of `files`. Links go to `temp_directory`, or else to the system's.
    pub(crate) fn new(files: &[PathBuf], temp_directory: Option<&Path>) -> Result<Self, Error> {
        let mut names = HashMap::with_capacity(files.len());
        let mut links = None;
        for file in files {
            let path = absolute(file)?;
            if names.contains_key(&path) {
                continue;
            }
            let name = if let Some(name) = plain(&path) {
                name.to_owned()
            } else {
                let links = match &mut links {
                    Some(links) => links,
                    none => none.insert(links::Links::create(temp_directory)?),
                };
                links.add(&path)?
            };
            names.insert(path, name);
        }
        Ok(Self { names, _links: links })
    }

    /// What `allowed_paths` must hold.
    pub(crate) fn allowed_paths(&self) -> Vec<String> {
        let mut names: Vec<_> = self.names.values().cloned().collect();
        names.sort_unstable();
        names
    }

    /// The name to ask DuckDB for `file` by.
    pub(crate) fn name(&self, file: &Path) -> Result<&str, Error> {
        let path = absolute(file)?;
        self.names.get(&path).map(String::as_str).ok_or_else(|| {
            Error::bug(format!("{} is not one of the files this scanner was opened for", file.display())).in_file(file)
        })
    }
}

fn absolute(file: &Path) -> Result<PathBuf, Error> {
    if file.as_os_str().as_encoded_bytes().contains(&0) {
        return Err(Error::config(format!("the path {} has a NUL in it", file.display())).in_file(file));
    }
    std::path::absolute(file)
        .map_err(|error| Error::config(format!("{} is no path of a file: {error}", file.display())).in_file(file))
}

/// The path as text that DuckDB takes literally, if it would.
fn plain(path: &Path) -> Option<&str> {
    path.to_str().filter(|text| !text.contains(['*', '?', '[']))
}

#[cfg(unix)]
mod links {
    use super::{absolute, plain};
    use crate::error::code_of;
    use batch_core_error::Error;
    use std::fs::DirBuilder;
    use std::io::{self, ErrorKind};
    use std::os::unix::fs::{DirBuilderExt, symlink};
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicU64, Ordering};

    /// A private directory of symbolic links, removed on drop.
    pub(super) struct Links {
        directory: PathBuf,
        count: usize,
    }

    impl Links {
        pub(super) fn create(temp_directory: Option<&Path>) -> Result<Self, Error> {
            let parent = parent(temp_directory)?;
            let failed = |error: io::Error| {
                let message = format!("cannot make a directory in {}: {error}", parent.display());
                Error::new(code_of(&error), message).because(error)
            };
            DirBuilder::new().recursive(true).create(&parent).map_err(failed)?;
            loop {
                let directory = parent.join(name());
                // Not recursive: an existing directory is somebody else's.
                match DirBuilder::new().mode(0o700).create(&directory) {
                    Ok(()) => return Ok(Self { directory, count: 0 }),
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                    Err(error) => return Err(failed(error)),
                }
            }
        }

        pub(super) fn add(&mut self, path: &Path) -> Result<String, Error> {
            let link = self.directory.join(format!("{}.parquet", self.count));
            self.count += 1;
            symlink(path, &link).map_err(|error| {
                let message = format!("cannot link {} as {}: {error}", path.display(), link.display());
                Error::new(code_of(&error), message).in_file(path).because(error)
            })?;
            plain(&link).map(str::to_owned).ok_or_else(|| Error::bug(format!("{} is not a plain name", link.display())))
        }
    }

    impl Drop for Links {
        fn drop(&mut self) {
            // Removes links, never what they point to. A leftover is litter, and nobody is left to tell.
            let _ = std::fs::remove_dir_all(&self.directory);
        }
    }

    /// The first directory whose own path DuckDB takes literally.
    fn parent(temp_directory: Option<&Path>) -> Result<PathBuf, Error> {
        let system = std::env::temp_dir();
        for candidate in temp_directory.into_iter().chain([system.as_path()]) {
            let path = absolute(candidate)?;
            if plain(&path).is_some() {
                return Ok(path);
            }
        }
        Err(Error::config(format!(
            "an input path has pattern characters, and so has the temporary directory {}; set TMPDIR to a plain path",
            system.display()
        )))
    }

    fn name() -> String {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        format!("batch-core-links-{}-{count}", std::process::id())
    }
}

#[cfg(not(unix))]
mod links {
    use batch_core_error::Error;
    use std::path::Path;

    /// No links: they take a privilege here, and of the pattern characters only `[` can be in a name.
    pub(super) struct Links;

    impl Links {
        pub(super) fn create(_: Option<&Path>) -> Result<Self, Error> {
            Ok(Self)
        }

        pub(super) fn add(&mut self, path: &Path) -> Result<String, Error> {
            let refused = || Error::config(format!("{} is not valid Unicode", path.display())).in_file(path);
            Ok(path.to_str().ok_or_else(refused)?.replace('[', "[[]"))
        }
    }
}
