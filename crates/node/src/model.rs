//! Models as the owner sees them, and the table of detectors.

use crate::error::{Thrown, waist};
use batch_core_chunk::score_held;
use batch_core_error::Error;
use batch_core_import::{Wishes, import};
use batch_core_kernels::{LeftOut, Missing, Model, detectors};
use batch_core_scan::{Encoding, HeldArray, Numbers};
use napi::bindgen_prelude::{Buffer, Float64Array, Uint8Array};
use napi_derive::napi;

/// Score above which a row is an anomaly.
#[napi(object)]
pub struct ThresholdRecord {
    /// The score.
    pub value: f64,
    /// One standard error of the share of rows flagged; 0 when it is exact.
    pub share_error: f64,
}

/// A model held in native memory.
#[napi]
pub struct NativeModel {
    model: Model,
}

#[napi]
impl NativeModel {
    /// Reads a model's bytes; damaged, newer and foreign ones are refused.
    #[napi(factory)]
    pub fn from_bytes(bytes: Buffer) -> Result<Self, Thrown> {
        waist(|| Ok(Self { model: Model::from_bytes(&bytes)? }))
    }

    /// The model as JSON for people and reports.
    #[napi]
    pub fn describe(&self) -> Result<String, Thrown> {
        waist(|| {
            let model = &self.model;
            let fitted = model.is_calibrated();
            let facts = serde_json::json!({
                "digest": model.digest(),
                "detector": model.detector(),
                "columns": model.columns(),
                "leftOut": model.left_out().iter().map(left_out).collect::<Vec<_>>(),
                "imported": model.is_imported(),
                // Nobody here has seen a row with it.
                "fitRows": fitted.then(|| model.fit_rows()),
                "sourceRows": fitted.then(|| model.source_rows()),
                "contamination": model.share(),
                "threshold": model.own_threshold(),
                "missing": model.missing(),
                "seed": fitted.then(|| model.seed()),
                "parameters": model.parameters(),
                "state": model.describe(),
            });
            Ok(facts.to_string())
        })
    }

    /// The bytes of the same fit with this share in place of its own.
    #[napi]
    pub fn with_contamination(&self, contamination: f64) -> Result<Buffer, Thrown> {
        waist(|| Ok(self.model.clone().with_contamination(contamination)?.to_bytes().into()))
    }

    /// The threshold for a share of anomalies in (0, 0.5]; none of an imported model.
    #[napi]
    pub fn threshold(&self, contamination: f64) -> Result<Option<ThresholdRecord>, Thrown> {
        waist(|| {
            let threshold = self.model.threshold(contamination);
            Ok(threshold
                .map(|threshold| ThresholdRecord { value: threshold.value, share_error: threshold.share_error }))
        })
    }

    /// Scores columns that JavaScript holds, in the model's order. Their memory is borrowed for the length of the call.
    #[napi]
    pub fn score(&self, columns: Vec<Vec<ColumnPiece>>, missing: String) -> Result<Scores, Thrown> {
        waist(|| {
            let held = columns
                .iter()
                .zip(self.model.columns())
                .map(|(pieces, name)| held(pieces).map_err(|error| error.of_column(name)))
                .collect::<Result<Vec<_>, _>>()?;
            let scores = score_held(&self.model, &held, missing_of(&missing)?)?;
            let (validity, nulls) = validity_of(&scores);
            Ok(Scores { scores: Float64Array::new(scores), validity: Uint8Array::new(validity), nulls })
        })
    }
}

/// The bytes of a model of the forest that another program's file holds. `columns` are their names, where the file has none or
/// others are wanted.
#[napi]
pub fn import_model(
    bytes: Buffer,
    columns: Option<Vec<String>>,
    missing: String,
    without_threshold: bool,
) -> Result<Buffer, Thrown> {
    waist(|| {
        let wishes = Wishes { columns, missing: missing_of(&missing)?, without_threshold };
        Ok(import(&bytes, &wishes)?.to_bytes().into())
    })
}

/// Rows of a column as Arrow lays them out, in one piece of memory.
#[napi(object, object_to_js = false)]
pub struct ColumnPiece {
    /// `absent`, `bit`, `signed`, `unsigned`, `float`, `decimal` or `counted`.
    pub encoding: String,
    /// Bytes of a value.
    pub width: u32,
    /// Digits after the point of a decimal.
    pub scale: i32,
    /// What a count is multiplied with, and then divided by, to be in the unit of a scan.
    pub times: u32,
    /// See `times`.
    pub over: u32,
    /// First bit of `validity`, and of `values` where a value is a bit.
    pub offset: u32,
    /// Rows.
    pub rows: u32,
    /// The values' bytes, from the first row on.
    pub values: Uint8Array,
    /// One bit a row, set where a value is there; absent where all are.
    pub validity: Option<Uint8Array>,
    /// What the values are keys into.
    pub dictionary: Option<Vec<ColumnPiece>>,
}

/// One score a row.
#[napi(object, object_from_js = false)]
pub struct Scores {
    /// The scores; NaN where there is none.
    pub scores: Float64Array,
    /// One bit a row, set where there is a score; empty where all rows have one.
    pub validity: Uint8Array,
    /// Rows without a score.
    pub nulls: f64,
}

fn missing_of(name: &str) -> Result<Missing, Error> {
    match name {
        "center" => Ok(Missing::Center),
        "skip" => Ok(Missing::Skip),
        "error" => Ok(Missing::Error),
        other => Err(Error::config(format!("missing must be center, skip or error, not \"{other}\""))),
    }
}

fn held(pieces: &[ColumnPiece]) -> Result<Vec<HeldArray<'_>>, Error> {
    pieces
        .iter()
        .map(|piece| {
            let array = HeldArray::new(
                encoding_of(piece)?,
                &piece.values,
                piece.validity.as_deref(),
                piece.offset as usize,
                piece.rows as usize,
            )?;
            match &piece.dictionary {
                Some(dictionary) => Ok(array.with_dictionary(dictionary_of(dictionary)?)),
                None => Ok(array),
            }
        })
        .collect()
}

fn encoding_of(piece: &ColumnPiece) -> Result<Encoding, Error> {
    let width = piece.width as usize;
    match (piece.encoding.as_str(), width) {
        ("absent", _) => Ok(Encoding::Absent),
        ("bit", _) => Ok(Encoding::Bit),
        ("signed", 1 | 2 | 4 | 8) => Ok(Encoding::Signed(width)),
        ("unsigned", 1 | 2 | 4 | 8) => Ok(Encoding::Unsigned(width)),
        ("float", 2 | 4 | 8) => Ok(Encoding::Float(width)),
        ("decimal", 4 | 8 | 16 | 32) => Ok(Encoding::Decimal { bytes: width, scale: piece.scale }),
        ("counted", 4 | 8) if piece.over > 0 => {
            Ok(Encoding::Counted { bytes: width, times: piece.times, over: piece.over })
        }
        (other, _) => Err(Error::bug(format!("{width} bytes of \"{other}\" are no encoding"))),
    }
}

/// Every value of a dictionary, NaN where it has a null.
fn dictionary_of(pieces: &[ColumnPiece]) -> Result<Vec<f64>, Error> {
    let mut values = Vec::new();
    let mut scratch = Numbers::default();
    for array in held(pieces)? {
        let column = array.numbers(0..array.rows(), &mut scratch)?;
        values.extend((0..array.rows()).map(|row| column.value(row)));
    }
    Ok(values)
}

/// Arrow's bitmap of the rows that have a score, empty where all do, and how many have none.
fn validity_of(scores: &[f64]) -> (Vec<u8>, f64) {
    let nulls = scores.iter().filter(|score| score.is_nan()).count();
    if nulls == 0 {
        return (Vec::new(), 0.0);
    }
    let byte = |scores: &[f64]| {
        scores.iter().enumerate().fold(0u8, |bits, (row, score)| bits | u8::from(!score.is_nan()) << row)
    };
    // Arrow pads its buffers to 64 bytes.
    let mut bits = vec![0; scores.len().div_ceil(512) * 64];
    bits.iter_mut().zip(scores.chunks(8)).for_each(|(bits, scores)| *bits = byte(scores));
    (bits, nulls as f64)
}

/// A column that the fit left out, and whether the double that all its cells are may stand for whole numbers that differ.
fn left_out(left_out: &LeftOut) -> serde_json::Value {
    let mut record = serde_json::json!(left_out);
    record["mayBeRounded"] = left_out.may_be_rounded().into();
    record
}

/// The table of detectors, as JSON.
#[napi]
pub fn detector_table() -> Result<String, Thrown> {
    waist(|| serde_json::to_string(&detectors()).map_err(|e| Error::bug(e.to_string())))
}

/// The version of libduckdb that the scanner was written for and insists on.
#[napi]
#[must_use]
pub fn duckdb_version() -> &'static str {
    batch_core_scan::LIBRARY_VERSION
}
