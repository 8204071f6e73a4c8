//! Doubles in JSON, which has no infinities: those are words. JavaScript writes no sign of a zero: that is one too.

use batch_core_kernels::extended;
use serde::{Deserialize, Deserializer};

pub(crate) use batch_core_kernels::extended::serialize;

#[derive(Deserialize)]
enum Zero {
    #[serde(rename = "-0")]
    Negative,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Spelled {
    Zero(Zero),
    Other(#[serde(with = "extended")] f64),
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(match Spelled::deserialize(deserializer)? {
        Spelled::Zero(Zero::Negative) => -0.0,
        Spelled::Other(value) => value,
    })
}

/// One that may be missing.
pub(crate) mod option {
    use serde::{Deserialize, Deserializer, Serializer};

    #[derive(Deserialize)]
    struct Present(#[serde(with = "super")] f64);

    #[expect(clippy::ref_option, reason = "serde calls it so")]
    pub(crate) fn serialize<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => super::serialize(value, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
        Ok(Option::<Present>::deserialize(deserializer)?.map(|Present(value)| value))
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    #[derive(Debug, Serialize, Deserialize)]
    struct Doubles {
        #[serde(with = "super")]
        a: f64,
        #[serde(default, with = "super::option", skip_serializing_if = "Option::is_none")]
        b: Option<f64>,
    }

    #[test]
    fn every_double_reads_back_to_the_last_bit() {
        for a in [0.0, -0.0, 0.1, 5e-324, f64::MAX, f64::INFINITY, f64::NEG_INFINITY] {
            for b in [None, Some(a)] {
                let json = serde_json::to_string(&Doubles { a, b }).unwrap();
                let read: Doubles = serde_json::from_str(&json).unwrap();
                assert_eq!((read.a.to_bits(), read.b.map(f64::to_bits)), (a.to_bits(), b.map(f64::to_bits)), "{json}");
            }
        }
    }

    #[test]
    fn what_javascript_writes_is_read_and_no_other_word() {
        let read = |json: &str| serde_json::from_str::<Doubles>(json).map(|doubles| doubles.a);
        assert!(read(r#"{"a":"-0"}"#).unwrap().is_sign_negative());
        assert_eq!(read(r#"{"a":17}"#).unwrap().to_bits(), 17f64.to_bits());
        assert!(read(r#"{"a":"NaN"}"#).is_err());
        assert!(read(r#"{"a":null}"#).is_err());
    }
}
