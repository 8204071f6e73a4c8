//! Histogram-based outlier score: how rare is the bin of each cell, summed over the columns.
//!
//! To the bit `PyOD`'s definition, with `NumPy`'s arithmetic:
//!
//! ```text
//! scaling   minmax: y = x * s + o,  s = 1 / (high - low),  o = -low * s   (scikit-learn's order);   raw: y = x
//! edges     e[i] = i * ((y_high - y_low) / bins) + y_low,  the last is y_high itself
//! counting  e[i] <= y < e[i + 1], the last bin closed
//! table     t[i] = log2(count[i] / (e[i + 1] - e[i]) / total + alpha)
//! scoring   e[i] < y <= e[i + 1] gives -t[i]; outside by at most tol widths, the outermost bin; farther, -min t
//! ```
//!
//! Counting closes a bin below and scoring closes it above: both are kept, because both are `PyOD`'s. There x is the cell
//! times a power of two, which is 1 but for columns whose range could not be divided, or divided by, as it is; and in a
//! column a million ranges from zero y = (x - low) / (high - low), because there scikit-learn's order leaves no digits.
//!
//! `PyOD` knows no infinity. Here one counts as a bin half as dense as an empty one, alpha included, and so for more than any
//! number; with minmax, so does a number more than 2^20 ranges away. Where all bins are alike, the rarest is the commonest
//! too: then what lies outside counts as an empty bin.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::binning::{Bins, HistogramSettings, bins, cuts};
use crate::detector::{Detector, DetectorInfo, Method, Score, Settings, State, sound, written};
use crate::known::Known;
use crate::numbers::log2;
use crate::parameter::{choice, count, number};
use crate::scale;
use crate::summaries::histogram::Cuts;
use crate::summaries::range::Range;
use crate::wants::Wants;
use crate::{FitError, Level};

use super::stairs::{Outside, Stairs, Steps};

static INFO: DetectorInfo = DetectorInfo {
    name: "hbos",
    summary: "How rare each cell's histogram bin is, summed over the columns (histogram-based outlier score).",
    passes: 2,
    merge: "exact: integer counts",
    parameters: &[
        choice(
            "scale",
            &["minmax", "raw"],
            "minmax: columns are brought to 0..1 first, so the score has no units; raw: PyOD's scores exactly",
        ),
        count("n_bins", 10, 2, 1024, "bins of equal width per column"),
        number("alpha", 0.1, 1e-6, 1.0, "added to each density, so that an empty bin is not infinitely rare"),
        number(
            "tol",
            0.5,
            0.0,
            1.0,
            "how far outside the fitted range a cell still counts as the outermost bin, in bin widths",
        ),
    ],
};

/// The detector.
#[derive(Debug)]
pub(crate) struct Hbos;

/// How it is fitted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fitting(pub(crate) HistogramSettings);

impl Detector for Hbos {
    fn info(&self) -> &'static DetectorInfo {
        &INFO
    }

    fn method(&self, parameters: Settings<'_>) -> Arc<dyn Method> {
        Arc::new(Fitting(HistogramSettings {
            minmax: parameters.word("scale") == "minmax",
            bins: parameters.count("n_bins"),
            alpha: parameters.number("alpha"),
            tol: parameters.number("tol"),
        }))
    }

    fn read(&self, _: u32, state: &RawValue, columns: usize) -> serde_json::Result<Option<Arc<dyn State>>> {
        sound(state, |state: &Histograms| state.is_sound(columns))
    }
}

impl Method for Fitting {
    fn wants(&self) -> Wants {
        Wants { counts: Some(self.0), ..Wants::default() }
    }

    fn freeze(&self, known: &Known<'_>) -> Result<Arc<dyn State>, FitError> {
        Ok(Arc::new(Histograms::new(known, self.0)?))
    }
}

/// A frozen HBOS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Histograms {
    pub(crate) settings: HistogramSettings,
    pub(crate) columns: Vec<Histogram>,
}

/// One column of it: its range, and log2(density + alpha) of each bin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Histogram {
    low: f64,
    high: f64,
    table: Vec<f64>,
}

impl State for Histograms {
    fn to_json(&self) -> Box<RawValue> {
        written(self)
    }

    fn scorer(&self, level: Level) -> Box<dyn Score + '_> {
        Box::new(Steps::new(self.stairs(), level))
    }
}

impl Histograms {
    /// The histograms of the columns used; their counts were wanted.
    pub(crate) fn new(known: &Known<'_>, settings: HistogramSettings) -> Result<Self, FitError> {
        let bins = bins(known.ranges(), known.used, known.names, settings)?;
        let counted = known.counts(&cuts(&bins));
        let column = |&column: &usize| {
            let counts = counted.between(column);
            if counts.iter().sum::<u64>() != known.total.tally[column].finite {
                let name = &known.names[column];
                return Err(FitError::Data(format!(
                    "column {name:?} changed between the passes: read the source again"
                )));
            }
            let bins = bins[column].as_ref().expect("a used column has bins");
            Ok(table_of(bins, counts, settings))
        };
        Ok(Self { settings, columns: known.used.iter().map(column).collect::<Result<_, _>>()? })
    }

    pub(crate) fn is_sound(&self, columns: usize) -> bool {
        self.columns.len() == columns
            && (2..=1024).contains(&self.settings.bins)
            && self.columns.iter().all(|column| {
                let ends_sound = column.low < column.high && column.range().magnitude().is_finite();
                ends_sound
                    && column.table.len() == self.settings.bins
                    && column.table.iter().all(|t| t.is_finite())
                    && Bins::new(column.range(), self.settings).is_some()
            })
    }

    /// What scoring needs, column by column.
    fn stairs(&self) -> Vec<Stairs> {
        let stairs = |column: &Histogram| {
            Bins::new(column.range(), self.settings).map(|bins| stairs_of(&bins, &column.table, self.settings))
        };
        self.columns.iter().map(|column| stairs(column).expect("a model's bins were cut when it was made")).collect()
    }
}

impl Histogram {
    fn range(&self) -> Range {
        Range { low: self.low, high: self.high }
    }
}

/// The table of one column with these counts.
fn table_of(bins: &Bins, counts: &[u64], settings: HistogramSettings) -> Histogram {
    // Where no cell is finite, there is nothing to divide by.
    let total = counts.iter().sum::<u64>().max(1) as f64;
    let widths = bins.edges.windows(2).map(|pair| pair[1] - pair[0]);
    // Scaled to the range, a density has no unit that a shift could change.
    let shift = if settings.minmax { 0 } else { bins.shift };
    let entry = |(&count, width): (&u64, f64)| {
        let density = count as f64 / width / total;
        match scale::shifted(density, shift) {
            of_cells if of_cells.is_finite() => log2(of_cells + settings.alpha),
            // Beside a density beyond all doubles, alpha is nothing.
            _ => log2(density) + f64::from(shift),
        }
    };
    let table = counts.iter().zip(widths).map(entry).collect();
    Histogram { low: bins.range.low, high: bins.range.high, table }
}

/// The score of every number, as stairs over the numbers themselves.
fn stairs_of(bins: &Bins, table: &[f64], settings: HistogramSettings) -> Stairs {
    let tol = settings.tol;
    let last = bins.edges.len() - 1;
    let (first_width, last_width) = (bins.edges[1] - bins.edges[0], bins.edges[last] - bins.edges[last - 1]);
    // Below by more than tol widths: not edge - y <= tol * width.
    let below = bins.carry_back(|y| -(bins.edges[0] - y), (-(tol * first_width)).next_down());
    let above = bins.carry_back(|y| y - bins.edges[last], tol * last_width);
    let inner = bins.inner_edges().iter().map(|edge| bins.carry_back(|y| y, *edge));
    let cuts: Vec<f64> = std::iter::once(below).chain(inner).chain([above]).collect();
    let (rarest, commonest) = ends(table);
    let empty = log2(settings.alpha);
    let outside = Outside {
        far: if settings.minmax { bins.far() } else { [f64::NEG_INFINITY, f64::MAX] },
        near_value: if rarest < commonest { -rarest } else { -empty },
        far_value: 1.0 - empty,
    };
    let between = table.iter().map(|t| -t).collect();
    Stairs::new(Cuts::new(&cuts, bins.range.low, bins.width()), between, outside, -commonest)
}

/// The least and the greatest entry of a table.
fn ends(table: &[f64]) -> (f64, f64) {
    table.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &t| (low.min(t), high.max(t)))
}
