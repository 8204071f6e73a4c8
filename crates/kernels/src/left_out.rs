//! Columns of a fit that play no part in its model, and why.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::name_list;
use crate::extended;

/// From here on neighbouring whole numbers may be the same double.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// A column of the fit that plays no part: it could tell no row from another, or tells nothing but where each one lies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Its name.
    pub column: String,
    /// Why.
    #[serde(flatten)]
    pub cause: Cause,
}

/// Why a column plays no part.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Cause {
    /// Every cell that is there is the same double.
    Constant {
        /// That double; in JSON an infinity is a word.
        #[serde(with = "extended")]
        value: f64,
    },
    /// No cell is there.
    Empty,
    /// Its whole numbers rise or fall with every row.
    Identifier,
}

/// So many rows must be looked at before a column can be an identifier.
const IDENTIFIED_ROWS_MIN: usize = 1000;

/// Whether whole numbers in the order of their rows, NaN where one is missing, number the rows: all are different, and rise or fall.
pub(crate) fn number_rows(cells: &[f64]) -> bool {
    let there: Vec<f64> = cells.iter().copied().filter(|cell| !cell.is_nan()).collect();
    let all = |in_order: fn(f64, f64) -> bool| there.windows(2).all(|pair| in_order(pair[0], pair[1]));
    there.len() >= IDENTIFIED_ROWS_MIN && (all(|one, next| one < next) || all(|one, next| one > next))
}

impl LeftOut {
    /// Whether whole numbers that differ may have become this one double.
    #[must_use]
    pub fn may_be_rounded(&self) -> bool {
        matches!(self.cause, Cause::Constant { value } if value.is_finite() && value.abs() >= WHOLE_MAX)
    }
}

/// Why nothing is left, column by column: `"a", "b" are constant; "c" is empty`.
pub(crate) struct Causes<'a>(pub(crate) &'a [LeftOut]);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = |one: &LeftOut| match one.cause {
            Cause::Constant { .. } if one.may_be_rounded() => 1,
            Cause::Constant { .. } => 0,
            Cause::Empty => 2,
            Cause::Identifier => 3,
        };
        let mut before = "";
        let kinds = [
            "constant",
            "equal as doubles, which round whole numbers beyond 2^53",
            "empty",
            "left out, for whole numbers that rise or fall with every row identify it (name the column to score it all the same)",
        ];
        for (index, what) in kinds.into_iter().enumerate() {
            let of_kind = self.0.iter().filter(|one| kind(one) == index);
            let names: Vec<String> = of_kind.map(|one| one.column.clone()).collect();
            if !names.is_empty() {
                let verb = if names.len() == 1 { "is" } else { "are" };
                write!(f, "{before}{} {verb} {what}", name_list(&names))?;
                before = "; ";
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(column: &str, cause: Cause) -> LeftOut {
        LeftOut { column: column.to_owned(), cause }
    }

    #[test]
    fn what_is_left_out_reads_back_from_json() {
        for (cause, json) in [
            (Cause::Constant { value: 0.1 }, r#"{"column":"x","reason":"constant","value":0.1}"#),
            (Cause::Constant { value: f64::INFINITY }, r#"{"column":"x","reason":"constant","value":"Infinity"}"#),
            (Cause::Constant { value: f64::NEG_INFINITY }, r#"{"column":"x","reason":"constant","value":"-Infinity"}"#),
            (Cause::Empty, r#"{"column":"x","reason":"empty"}"#),
            (Cause::Identifier, r#"{"column":"x","reason":"identifier"}"#),
        ] {
            assert_eq!(serde_json::to_string(&of("x", cause)).unwrap(), json);
            assert_eq!(serde_json::from_str::<LeftOut>(json).unwrap(), of("x", cause));
        }
        assert!(serde_json::from_str::<LeftOut>(r#"{"column":"x","reason":"constant","value":"NaN"}"#).is_err());
    }

    #[test]
    fn identifiers_rise_or_fall_with_every_row() {
        let rows = || (0..1000).map(f64::from);
        let falling: Vec<f64> = rows().map(|row| -3.0 * row).collect();
        let gaps: Vec<f64> = rows().flat_map(|row| [row * row, f64::NAN]).collect();
        assert!(number_rows(&rows().collect::<Vec<_>>()) && number_rows(&falling) && number_rows(&gaps));
        let mut twice: Vec<f64> = rows().collect();
        twice[500] = 499.0;
        let mut swapped: Vec<f64> = rows().collect();
        swapped.swap(7, 8);
        let few: Vec<f64> = rows().skip(1).collect();
        assert!(
            !number_rows(&twice) && !number_rows(&swapped) && !number_rows(&few) && !number_rows(&[f64::NAN; 2000])
        );
    }

    #[test]
    fn the_sentence_names_each_column_with_what_is_true_of_it() {
        let four = Cause::Constant { value: 4.0 };
        let large = Cause::Constant { value: -4.6e18 };
        let all = [of("a", four), of("b", large), of("c", Cause::Empty), of("d", four), of("e", Cause::Empty)];
        assert_eq!(
            Causes(&all).to_string(),
            "\"a\", \"d\" are constant; \"b\" is equal as doubles, which round whole numbers beyond 2^53; \"c\", \"e\" are empty"
        );
        assert_eq!(Causes(&all[..1]).to_string(), "\"a\" is constant");
        assert!(!of("i", Cause::Constant { value: f64::INFINITY }).may_be_rounded());
    }
}
