//! What would have been usual in a column: between which cells 98 of 100 lie.

use serde::{Deserialize, Serialize};

/// The share of the cells that lie below what is usual.
const LOW: f64 = 0.01;

/// The share of the cells that do not lie above.
const HIGH: f64 = 0.99;

/// The 1st and the 99th percentile of the finite cells of a column.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Usual {
    /// One cell in a hundred lies below.
    pub low: f64,
    /// One cell in a hundred lies above.
    pub high: f64,
}

impl Usual {
    /// Of these cells; `None` where none is a finite number.
    pub(crate) fn of(mut cells: Vec<f64>) -> Option<Self> {
        cells.retain(|cell| cell.is_finite());
        (!cells.is_empty()).then(|| Self { low: percentile(&mut cells, LOW), high: percentile(&mut cells, HIGH) })
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.low.is_finite() && self.high.is_finite() && self.low <= self.high
    }
}

/// `numpy.percentile(cells, 100 * share)`, linear between order statistics; cells as far apart as doubles can be are no exception.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place among the cells")]
fn percentile(cells: &mut [f64], share: f64) -> f64 {
    let rank = (cells.len() - 1) as f64 * share;
    let (_, low, above) = cells.select_nth_unstable_by(rank as usize, f64::total_cmp);
    let (low, part) = (*low, rank.fract());
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    (low * (1.0 - part) + high * part).clamp(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_numpys() {
        let cells: Vec<f64> = (0..=1000).map(|row| f64::from(row * 5 % 1001)).collect();
        assert_eq!(Usual::of(cells), Some(Usual { low: 10.0, high: 990.0 }));
        let Some(Usual { low, high }) = Usual::of(vec![3.0, f64::NAN, 1.0, f64::INFINITY, 2.0]) else {
            panic!("three cells")
        };
        assert!((low - 1.02).abs() < 1e-12 && (high - 2.98).abs() < 1e-12, "{low} {high}");
    }

    #[test]
    fn few_and_far_cells_have_some_too() {
        assert_eq!(Usual::of(vec![f64::NAN, f64::NEG_INFINITY]), None);
        assert_eq!(Usual::of(vec![-0.0]), Some(Usual { low: -0.0, high: -0.0 }));
        let far = Usual::of(vec![f64::MIN, f64::MAX]).unwrap();
        assert!(far.is_sound() && far.low < 0.0 && far.high > 0.0, "{far:?}");
    }
}
