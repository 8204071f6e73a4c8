//! What came of a chunk, as data that any boundary carries.

use crate::double;
use serde::{Deserialize, Serialize};
#[cfg(test)]
use ts_rs::TS;

/// What came of a chunk of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Receipt {
    /// Its number in the plan.
    pub chunk: u32,
    /// What it yielded.
    pub result: Yield,
}

/// What a chunk yielded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
pub enum Yield {
    /// A summary that merges with those of other chunks.
    Summary(Summary),
    /// A part, on the disk.
    Part(Part),
    /// Row groups that are what they say.
    Verified(Verified),
}

/// A summary, or what names the file that holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Its bytes, in Base64.
    #[serde(with = "base64")]
    #[cfg_attr(test, ts(type = "string"))]
    pub bytes: Vec<u8>,
}

/// A durable part and what was found in its rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// The file.
    pub file: PartFile,
    /// What was found.
    pub findings: Findings,
}

/// A part as a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(rename_all = "camelCase")]
pub struct PartFile {
    /// Rows in it.
    pub rows: u64,
    /// Its length.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

/// What was found in a chunk's rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(rename_all = "camelCase")]
pub struct Findings {
    /// Its highest rows, highest first.
    pub best: Vec<BestRecord>,
    /// Rows that were flagged.
    pub flagged: u64,
    /// Rows without a score.
    pub skipped: u64,
}

/// A row worth showing to a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(rename_all = "camelCase")]
pub struct BestRecord {
    /// Its file's place in the plan.
    pub file: u32,
    /// Its row number.
    pub row: u64,
    /// Its score.
    #[serde(with = "double")]
    #[cfg_attr(test, ts(type = "Double"))]
    pub score: f64,
    /// Which share of the rows scores lower, in percent; nobody knows where the model was imported and not calibrated.
    pub severity: Option<f64>,
    /// What made it so, greatest first.
    pub reasons: Vec<ReasonRecord>,
}

/// What a column added to a row's score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(rename_all = "camelCase")]
pub struct ReasonRecord {
    /// The column.
    pub column: String,
    /// Its value; absent when missing.
    #[serde(default, with = "double::option", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional, type = "Double"))]
    pub value: Option<f64>,
    /// What it added.
    #[serde(with = "double")]
    #[cfg_attr(test, ts(type = "Double"))]
    pub contribution: f64,
    /// Between which cells of the column 98 of 100 lie; absent where nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional, type = "[number, number]"))]
    pub usual: Option<[f64; 2]>,
}

/// What a verified chunk is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    /// Its row groups that have rows, in order.
    pub row_groups: Vec<RowGroupRecord>,
    /// Pages that lie where they should.
    pub pages_checked: u64,
    /// Those that carry a CRC, which was right.
    pub pages_with_crc: u64,
}

/// The bytes of a row group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(rename_all = "camelCase")]
pub struct RowGroupRecord {
    /// SHA-256 of its columns' bytes, in hexadecimal.
    pub sha256: String,
    /// How many those are.
    pub bytes: u64,
}

mod base64 {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        BASE64_STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
