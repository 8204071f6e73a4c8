//! z-score: |x - mean| / standard deviation, as `scipy.stats.zscore` and scikit-learn's `StandardScaler` have it (ddof 0).

use super::deviation::{Center, Deviations};
use crate::detector::Aggregate;
use crate::summaries::moments::Moments;

/// The model of the columns `used`.
pub(crate) fn fit(moments: &[Moments], used: &[usize], aggregate: Aggregate) -> Deviations {
    let center = |moments: &Moments| {
        if moments.varies() {
            Center::new([moments.mean, moments.rest], moments.deviation(), moments.shift, |deviation| deviation)
        } else {
            Center::of_point(moments.value())
        }
    };
    Deviations { aggregate, columns: used.iter().map(|&column| center(&moments[column])).collect() }
}
