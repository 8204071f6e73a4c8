//! The files of a job that its tasks name, in memory.

use crate::ChunkError;
use crate::digest::sha256;
use crate::task::Artifact;
use batch_core_kernels::{Fit, Model};
use batch_core_parts::PartsError;
use std::path::{Path, PathBuf};

/// The artifact that was used last. One at a time: the state of a fit may be large, and no two are wanted in turn.
pub(crate) struct Artifacts {
    directory: PathBuf,
    held: Option<(String, Held)>,
}

enum Held {
    Fit(Box<Fit>),
    Model(Box<Model>),
}

impl Artifacts {
    /// Those of the job in `directory`.
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self { directory, held: None }
    }

    /// The state of a fit's pass.
    ///
    /// # Errors
    /// `JOB_DAMAGED` when its file does not hold what is meant; otherwise as the operating system says.
    pub(crate) fn fit(&mut self, artifact: &Artifact) -> Result<&Fit, ChunkError> {
        match self.hold(artifact, |bytes| Ok(Held::Fit(Box::new(Fit::from_bytes(bytes)?))))? {
            Held::Fit(fit) => Ok(fit),
            Held::Model(_) => Err(other_kind(artifact)),
        }
    }

    /// A model.
    ///
    /// # Errors
    /// As of [`fit`](Self::fit).
    pub(crate) fn model(&mut self, artifact: &Artifact) -> Result<&Model, ChunkError> {
        match self.hold(artifact, |bytes| Ok(Held::Model(Box::new(Model::from_bytes(bytes)?))))? {
            Held::Model(model) => Ok(model),
            Held::Fit(_) => Err(other_kind(artifact)),
        }
    }

    /// Reads the artifact from its file unless it was used last: a file with other bytes is not believed.
    fn hold(
        &mut self,
        artifact: &Artifact,
        parse: impl FnOnce(&[u8]) -> Result<Held, ChunkError>,
    ) -> Result<&Held, ChunkError> {
        let held = match self.held.take() {
            Some((sha256, held)) if sha256 == artifact.sha256 => held,
            before => {
                drop(before);
                parse(&read(&self.directory.join(&artifact.name), &artifact.sha256)?)?
            }
        };
        Ok(&self.held.insert((artifact.sha256.clone(), held)).1)
    }
}

fn read(path: &Path, expected: &str) -> Result<Vec<u8>, ChunkError> {
    let bytes = std::fs::read(path).map_err(|error| PartsError::io("read", path, error))?;
    if sha256(&bytes) == expected {
        return Ok(bytes);
    }
    let message = format!("{} is not what this job wrote there", path.display());
    Err(ChunkError { file: Some(path.into()), ..ChunkError::new("JOB_DAMAGED", message) })
}

fn other_kind(artifact: &Artifact) -> ChunkError {
    ChunkError::new("BUG", format!("{} is not of the kind that its task says", artifact.name.display()))
}
