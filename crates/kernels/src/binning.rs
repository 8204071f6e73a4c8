//! Bins of equal width over the range of a column, exactly as `PyOD` and scikit-learn lay them: the formulas are told in
//! [`hbos`](crate::detectors::hbos).
//!
//! No cell is ever scaled. Scaling never changes the order of two numbers, so every edge is carried back once to the
//! last `x` that does not pass it, and then `x` itself is compared with that *cut*: the same bins, exactly.

use serde::{Deserialize, Serialize};

use crate::FitError;
use crate::numbers::last_at_most;
use crate::scale;
use crate::summaries::histogram::Cuts;
use crate::summaries::range::Range;

/// So many ranges outside of the range, a number is as good as infinite.
const FAR_RANGES: f64 = 1_048_576.0;

/// What HBOS was told.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct HistogramSettings {
    /// Whether columns are brought to 0..1 first.
    pub(crate) minmax: bool,
    pub(crate) bins: usize,
    pub(crate) alpha: f64,
    pub(crate) tol: f64,
}

impl HistogramSettings {
    /// What HBOS does when nothing is said.
    #[cfg(test)]
    pub(crate) const DEFAULT: Self = Self { minmax: true, bins: 10, alpha: 0.1, tol: 0.5 };
}

/// The bins of one column, before anything is counted.
#[derive(Clone, Debug)]
pub(crate) struct Bins {
    pub(crate) range: Range,
    /// Numbers are multiplied by 2 to this before they are scaled.
    pub(crate) shift: i32,
    /// What is subtracted first: 0, but in a narrow range far from zero, where scaling first would cost digits.
    origin: f64,
    scale: f64,
    offset: f64,
    /// Of the scaled numbers.
    pub(crate) edges: Vec<f64>,
}

impl Bins {
    /// `None` when the range cannot be cut into so many bins: neighbouring edges round to the same number.
    pub(crate) fn new(range: Range, settings: HistogramSettings) -> Option<Self> {
        let range = range.widened();
        let shift = scale::shift_for(range.magnitude());
        let [low, high] = [range.low, range.high].map(|end| end * scale::power(shift));
        let origin = if settings.minmax && scale::is_narrow(low, high - low) { low } else { 0.0 };
        let (low, high) = (low - origin, high - origin);
        let (scale, offset) = if settings.minmax {
            let scale = 1.0 / (high - low);
            (scale, -low * scale)
        } else {
            (1.0, 0.0)
        };
        let (low, high) = (low * scale + offset, high * scale + offset);
        let step = (high - low) / settings.bins as f64;
        let mut edges: Vec<f64> = (0..settings.bins).map(|i| i as f64 * step + low).collect();
        edges.push(high);
        edges.windows(2).all(|pair| pair[0] < pair[1]).then_some(Self { range, shift, origin, scale, offset, edges })
    }

    /// Between two neighbouring cuts lie exactly the numbers that are counted in one bin.
    pub(crate) fn counting_cuts(&self) -> Cuts {
        let inner = self.inner_edges().iter().map(|edge| self.carry_back(|y| y, edge.next_down()));
        let cuts: Vec<f64> =
            std::iter::once(self.range.low.next_down()).chain(inner).chain([self.range.high]).collect();
        Cuts::new(&cuts, self.range.low, self.width())
    }

    /// The last number below, and the last not above, the numbers that are not far out.
    pub(crate) fn far(&self) -> [f64; 2] {
        let (low, high) = (self.edges[0], self.edges[self.edges.len() - 1]);
        let far = FAR_RANGES * (high - low);
        [self.carry_back(|y| y - low, -far), self.carry_back(|y| y - high, far)]
    }

    pub(crate) fn inner_edges(&self) -> &[f64] {
        &self.edges[1..self.edges.len() - 1]
    }

    /// The width of a bin of unscaled numbers; infinite where no double holds that of their range.
    pub(crate) fn width(&self) -> f64 {
        (self.range.high - self.range.low) / (self.edges.len() - 1) as f64
    }

    /// The last number `x` whose scaled `y` has `f(y) <= bound`; `f` never falls.
    pub(crate) fn carry_back(&self, f: impl Fn(f64) -> f64, bound: f64) -> f64 {
        // The bound may be on a distance; where it is one of `y`, the guess is close, and elsewhere a few steps off.
        let reference = f(0.0);
        let guess = scale::shifted((bound - reference - self.offset) / self.scale + self.origin, -self.shift);
        let power = scale::power(self.shift);
        last_at_most(|x| f((x * power - self.origin) * self.scale + self.offset), bound, guess)
    }
}

/// The bins of the columns `used`; the others have none.
pub(crate) fn bins(
    ranges: &[Range],
    used: &[usize],
    names: &[String],
    settings: HistogramSettings,
) -> Result<Vec<Option<Bins>>, FitError> {
    let mut bins = vec![None; ranges.len()];
    for &column in used {
        bins[column] = Some(Bins::new(ranges[column], settings).ok_or_else(|| {
            FitError::Data(format!(
                "column {:?} lies so close together that it cannot be cut into {} bins; use scale=minmax or fewer bins",
                names[column], settings.bins
            ))
        })?);
    }
    Ok(bins)
}

/// Where the cells of each column are counted.
pub(crate) fn cuts(bins: &[Option<Bins>]) -> Vec<Cuts> {
    bins.iter().map(|bins| bins.as_ref().map(Bins::counting_cuts).unwrap_or_default()).collect()
}
