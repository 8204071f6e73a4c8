//! Projections of rows, and what the histogram of each says of where they lie.

use serde::{Deserialize, Serialize};

#[cfg(target_arch = "x86_64")]
use super::even_steps::EvenSteps;
use crate::Level;
use crate::numbers::STRETCH;
#[cfg(target_arch = "x86_64")]
use crate::simd::Registers;
use crate::summaries::histogram::Cuts;

/// A projection, and what its histogram says of each place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Projection {
    pub(crate) columns: Vec<usize>,
    /// Of each of the columns.
    pub(crate) weights: Vec<f64>,
    /// Rising.
    pub(crate) cuts: Vec<f64>,
    /// Of what lies above none of the cuts, one, and so on.
    pub(crate) values: Vec<f64>,
}

impl Projection {
    pub(crate) fn is_sound(&self, columns: usize) -> bool {
        let finite = |numbers: &[f64]| numbers.iter().all(|number| number.is_finite());
        let in_order = self.cuts.is_sorted();
        self.columns.len() == self.weights.len()
            && self.columns.iter().all(|column| *column < columns)
            && self.weights.iter().all(|weight| weight.abs() <= 1e3)
            && self.values.len() == self.cuts.len() + 1
            && self.values.iter().all(|value| (-1e3..=1e3).contains(value))
            && (finite(&self.cuts) && in_order)
    }

    /// The value of a projection.
    pub(crate) fn value(&self, projected: f64) -> f64 {
        self.values[self.cuts.partition_point(|cut| *cut < projected)]
    }

    pub(crate) fn most(&self) -> f64 {
        self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    pub(crate) fn least(&self) -> f64 {
        self.values.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

/// Projections, ready to be asked.
#[derive(Debug)]
pub(crate) struct Projections<'s> {
    all: &'s [Projection],
    level: Level,
    /// Of each.
    cuts: Vec<Cuts>,
    /// The histogram of each, where all can be looked up in registers.
    #[cfg(target_arch = "x86_64")]
    steps: Option<Vec<EvenSteps>>,
}

impl<'s> Projections<'s> {
    pub(crate) fn new(all: &'s [Projection], level: Level) -> Self {
        let cuts: Vec<Cuts> = all.iter().map(|projection| even(&projection.cuts)).collect();
        #[cfg(target_arch = "x86_64")]
        let steps = all.iter().zip(&cuts).map(|(projection, cuts)| EvenSteps::new(cuts, &projection.values)).collect();
        Self {
            all,
            level,
            cuts,
            #[cfg(target_arch = "x86_64")]
            steps,
        }
    }

    /// Adds to each sum what all projections say of its row. `cells` are those of [`STRETCH`] rows, column after column.
    pub(crate) fn add_values(&self, cells: &[f64], sums: &mut [f64; STRETCH]) {
        #[cfg(target_arch = "x86_64")]
        if self.steps.as_ref().is_some_and(|steps| look_up(self.level, (self.all, steps), cells, sums)) {
            return;
        }
        for (projection, cuts) in self.all.iter().zip(&self.cuts) {
            add_values(self.level, (projection, cuts), cells, sums);
        }
    }
}

/// Cuts that are as far from each other, or are taken to be.
fn even(cuts: &[f64]) -> Cuts {
    let [first, last] = [cuts.first(), cuts.last()].map(|cut| cut.copied().unwrap_or_default());
    Cuts::new(cuts, first, (last - first) / cuts.len().saturating_sub(1).max(1) as f64)
}

levels! {
    /// Adds to each sum what a projection says of its row.
    fn add_values(projection: (&Projection, &Cuts), cells: &[f64], sums: &mut [f64; STRETCH]) = add_values_body;
}

#[inline(always)]
fn add_values_body((projection, cuts): (&Projection, &Cuts), cells: &[f64], sums: &mut [f64; STRETCH]) {
    let Projection { columns, weights, values, .. } = projection;
    if cuts.as_slice().is_empty() {
        for sum in sums {
            *sum += values[0];
        }
        return;
    }
    let mut projected = [0.0; STRETCH];
    let cells = cells.as_chunks::<STRETCH>().0;
    for (column, weight) in columns.iter().zip(weights) {
        for (sum, cell) in projected.iter_mut().zip(&cells[*column]) {
            *sum += weight * cell;
        }
    }
    cuts.ranks(&projected, |row, rank| sums[row] += values[rank]);
}

#[cfg(target_arch = "x86_64")]
registers! {
    /// The same of all projections, whose histograms are looked up in registers.
    fn look_up(projections: (&[Projection], &[EvenSteps]), cells: &[f64], sums: &mut [f64; STRETCH]) = look_up_body;
}

/// Registers of rows whose projections are found at once, so that none waits and the tables are loaded for all of them.
#[cfg(target_arch = "x86_64")]
const ABREAST: usize = 4;

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn look_up_body<R: Registers>(
    r: R,
    (projections, steps): (&[Projection], &[EvenSteps]),
    cells: &[f64],
    sums: &mut [f64; STRETCH],
) {
    for (part, out) in sums.chunks_exact_mut(R::LANES * ABREAST).enumerate() {
        let mut sums = [r.splat(0.0); ABREAST];
        for (Projection { columns, weights, .. }, steps) in projections.iter().zip(steps) {
            let projected = project(r, (columns, weights), cells, part * R::LANES * ABREAST);
            for (sum, projected) in sums.iter_mut().zip(projected) {
                *sum = r.add(*sum, steps.at(r, projected));
            }
        }
        for (sum, out) in sums.into_iter().zip(out.chunks_exact_mut(R::LANES)) {
            r.store(sum, out);
        }
    }
}

/// The sums of products of some rows, from row `start` of the stretch on.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn project<R: Registers>(
    r: R,
    (columns, weights): (&[usize], &[f64]),
    cells: &[f64],
    start: usize,
) -> [R::Doubles; ABREAST] {
    let mut projected = [r.splat(0.0); ABREAST];
    for (column, weight) in columns.iter().zip(weights) {
        let cells = cells[column * STRETCH + start..].chunks_exact(R::LANES);
        for (sum, cells) in projected.iter_mut().zip(cells) {
            *sum = r.add(*sum, r.mul(r.splat(*weight), r.load(cells)));
        }
    }
    projected
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyed::Sequence;

    #[test]
    fn every_level_adds_what_the_histograms_say_of_one_row_after_the_other() {
        let (mut random, columns) = (Sequence::new(3), 4);
        // Ten bins as they are fitted, others that arithmetic does not find, and more than registers hold.
        let even = |count: u32| (0..count).map(|cut| f64::from(cut) * 0.4 - 2.0).collect::<Vec<f64>>();
        for cuts in [even(11), even(1), even(15), even(16), even(40), vec![-1.0, -0.9, 0.0, 3.0], vec![0.5; 3], vec![]]
        {
            let mut projection = |number: usize| Projection {
                columns: vec![number % columns, (number + 1) % columns],
                weights: vec![random.uniform() - 0.5, 1.0],
                cuts: cuts.clone(),
                values: (0..=cuts.len()).map(|_| random.uniform()).collect(),
            };
            let projections: Vec<Projection> = (0..9).map(&mut projection).collect();
            assert!(projections.iter().all(|projection| projection.is_sound(columns)));
            let cells: Vec<f64> = (0..columns * STRETCH).map(|at| (at * 7919 % 641) as f64 * 0.02 - 6.0).collect();
            for level in Level::available() {
                let mut sums = [0.0; STRETCH];
                Projections::new(&projections, level).add_values(&cells, &mut sums);
                for (row, sum) in sums.iter().enumerate() {
                    let projected = |projection: &Projection| {
                        let parts = projection.columns.iter().zip(&projection.weights);
                        parts.fold(0.0, |sum, (column, weight)| sum + weight * cells[column * STRETCH + row])
                    };
                    let expected = projections.iter().fold(0.0, |sum, one| sum + one.value(projected(one)));
                    assert_eq!(sum.to_bits(), expected.to_bits(), "{level:?}: row {row} of {} cuts", cuts.len());
                }
            }
        }
    }
}
