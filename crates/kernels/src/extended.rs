//! Any double but NaN in JSON, which has no word for infinity of its own: for `#[serde(with = ...)]`.

#![expect(clippy::missing_errors_doc, reason = "serde says what its functions return")]

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

#[derive(Deserialize)]
#[serde(untagged)]
enum Spelled {
    Number(f64),
    Word(String),
}

/// A number, or the word of an infinity.
pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    match *value {
        f64::INFINITY => serializer.serialize_str("Infinity"),
        f64::NEG_INFINITY => serializer.serialize_str("-Infinity"),
        value => serializer.serialize_f64(value),
    }
}

/// The double that was written so; any other word is refused.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    match Spelled::deserialize(deserializer)? {
        Spelled::Number(value) => Ok(value),
        Spelled::Word(word) if word == "Infinity" => Ok(f64::INFINITY),
        Spelled::Word(word) if word == "-Infinity" => Ok(f64::NEG_INFINITY),
        Spelled::Word(word) => Err(D::Error::custom(format!("{word:?} is no number"))),
    }
}
