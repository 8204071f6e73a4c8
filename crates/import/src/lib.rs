//! Isolation forests that other programs fitted: the bytes of a file become a model.
//!
//! ```text
//! scikit      what scripts/export_isolation_forest.py writes of a scikit-learn IsolationForest
//! treelite    what Treelite dumps of one as JSON
//! onnx        what skl2onnx writes of one
//! leaves      lengths of paths -> rows of leaves
//! single      thresholds for cells of single precision -> thresholds for doubles
//! ```
//!
//! A file is data of strangers: whatever is in it, reading it ends in a model or in an error, in time and memory that are a small
//! multiple of its size. Nothing of it is ever run; a pickle, which would be, is refused.

mod error;
mod forest;
mod leaves;
mod onnx;
mod scikit;
mod single;
mod treelite;

use batch_core_error::Error;
use batch_core_kernels::{ImportedForest, Missing, Model};

use error::{invalid, unsupported};
use forest::Forest;

pub use single::of_single;

/// What the file does not say.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// Names of the columns, in the order of the fit; in place of those that the file has.
    pub columns: Option<Vec<String>>,
    /// What a missing cell means.
    pub missing: Missing,
    /// Whether the threshold that the file has is left out.
    pub without_threshold: bool,
}

/// Imports a forest; what kind of file it is in, its beginning tells.
///
/// # Errors
/// `FOREST_INVALID` when the file is damaged or contradicts itself, `FOREST_UNSUPPORTED` when it is no isolation forest or has what is
/// not read, `CONFIG` when the wishes do not fit it.
pub fn import(bytes: &[u8], wishes: &Wishes) -> Result<Model, Error> {
    let forest = read(bytes)?;
    let columns = names(&forest, wishes)?;
    let Forest { rows, trees, threshold, .. } = forest;
    let threshold = threshold.filter(|_| !wishes.without_threshold);
    let forest = ImportedForest { columns, rows, trees, threshold, missing: wishes.missing };
    Model::imported(&forest).map_err(|error| invalid(error.to_string()))
}

fn read(bytes: &[u8]) -> Result<Forest, Error> {
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => Err(invalid("the file is empty")),
        Some(b'{') => read_json(bytes),
        // Protocol 2 of pickle and later ones, as joblib has it; a ZIP, as skops and NumPy have it.
        Some(0x80) => Err(unsupported("the file is a pickle, which is a program and is never loaded")),
        Some(b'P') if bytes.starts_with(b"PK\x03\x04") => Err(unsupported("the file is a ZIP archive and no forest")),
        Some(_) => onnx::read(bytes),
    }
}

fn read_json(bytes: &[u8]) -> Result<Forest, Error> {
    let kind: error::Kind = serde_json::from_slice(bytes).map_err(|error| invalid(format!("its JSON: {error}")))?;
    match (kind.schema, kind.task_type) {
        (Some(schema), _) => scikit::read(&schema, bytes),
        (None, Some(task)) => treelite::read(&task, bytes),
        (None, None) => Err(unsupported(
            "the JSON is neither an exported isolation forest (it has no \"schema\") nor a dump of Treelite (it has no \"task_type\")",
        )),
    }
}

fn names(forest: &Forest, wishes: &Wishes) -> Result<Vec<String>, Error> {
    let count = forest.columns;
    let names = wishes.columns.as_ref().or(forest.names.as_ref()).ok_or_else(|| {
        Error::config(format!("the file has no names for its {count} columns"))
            .hinted(Some("give them with --columns, in the order in which the forest was fitted"))
    })?;
    if names.len() == count {
        return Ok(names.clone());
    }
    if wishes.columns.is_none() {
        return Err(invalid(format!("it names {} columns and has {count}", names.len())));
    }
    Err(Error::config(format!("--columns names {} columns; the forest has {count}", names.len()))
        .hinted(Some("name each column of the fit, in its order")))
}
