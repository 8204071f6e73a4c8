//! Projections of rows, and what the histogram of each says of where they lie.

use serde::{Deserialize, Serialize};

#[cfg(target_arch = "x86_64")]
use super::even_steps::EvenSteps;
use crate::Level;
use crate::numbers::STRETCH;
#[cfg(target_arch = "x86_64")]
use crate::simd::Registers;
use crate::simd::{LANES, Lanes};
#[cfg(target_arch = "x86_64")]
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
    #[cfg(target_arch = "x86_64")]
    level: Level,
    /// The histogram of each, where all can be looked up in registers.
    #[cfg(target_arch = "x86_64")]
    steps: Option<Vec<EvenSteps>>,
}

impl<'s> Projections<'s> {
    #[cfg_attr(not(target_arch = "x86_64"), expect(unused_variables, reason = "there are no other registers"))]
    pub(crate) fn new(projections: &'s [Projection], level: Level) -> Self {
        Self {
            all: projections,
            #[cfg(target_arch = "x86_64")]
            level,
            #[cfg(target_arch = "x86_64")]
            steps: projections.iter().map(steps_of).collect(),
        }
    }

    /// Adds to each sum what all projections say of its row. `cells` are those of [`STRETCH`] rows, column after column.
    pub(crate) fn add_values(&self, cells: &[f64], sums: &mut [f64; STRETCH]) {
        if !self.add_in_registers(cells, sums) {
            for projection in self.all {
                add_values(projection, cells, sums);
            }
        }
    }

    /// The same; false where there are no registers for it.
    #[cfg(target_arch = "x86_64")]
    fn add_in_registers(&self, cells: &[f64], sums: &mut [f64; STRETCH]) -> bool {
        match &self.steps {
            Some(steps) => look_up(self.level, (self.all, steps), cells, sums),
            None => compare(self.level, self.all, cells, sums),
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    #[expect(clippy::unused_self, reason = "it is used where there are such registers")]
    fn add_in_registers(&self, _: &[f64], _: &mut [f64; STRETCH]) -> bool {
        false
    }
}

/// The histogram of a projection, where arithmetic finds its bins.
#[cfg(target_arch = "x86_64")]
fn steps_of(Projection { cuts, values, .. }: &Projection) -> Option<EvenSteps> {
    let (first, last) = (*cuts.first()?, *cuts.last()?);
    let width = (last - first) / cuts.len().saturating_sub(1).max(1) as f64;
    EvenSteps::new(&Cuts::new(cuts, first, width), values)
}

/// Adds to each sum what a projection says of its row.
fn add_values(projection: &Projection, cells: &[f64], sums: &mut [f64]) {
    let cells: &[[f64; LANES]] = cells.as_chunks().0;
    for (group, sums) in sums.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
        let mut projected = Lanes::splat(0.0);
        for (column, weight) in projection.columns.iter().zip(&projection.weights) {
            let cells = Lanes(cells[column * (STRETCH / LANES) + group]);
            projected = projected.zip(cells, |sum, cell| sum + weight * cell);
        }
        let mut value = Lanes::splat(projection.values[0]);
        for (cut, above) in projection.cuts.iter().zip(&projection.values[1..]) {
            value = value.zip(projected, |value, projected| if projected > *cut { *above } else { value });
        }
        *sums = Lanes(*sums).add(value).0;
    }
}

#[cfg(target_arch = "x86_64")]
registers! {
    /// The same of all projections: each is looked up.
    fn look_up(projections: (&[Projection], &[EvenSteps]), cells: &[f64], sums: &mut [f64; STRETCH]) = look_up_body;
}
#[cfg(target_arch = "x86_64")]
registers! {
    /// The same: each is compared with every cut.
    fn compare(projections: &[Projection], cells: &[f64], sums: &mut [f64; STRETCH]) = compare_body;
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

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn compare_body<R: Registers>(r: R, projections: &[Projection], cells: &[f64], sums: &mut [f64; STRETCH]) {
    for (part, out) in sums.chunks_exact_mut(R::LANES * ABREAST).enumerate() {
        let mut sums = [r.splat(0.0); ABREAST];
        for Projection { columns, weights, cuts, values } in projections {
            let projected = project(r, (columns, weights), cells, part * R::LANES * ABREAST);
            let mut value = [r.splat(values[0]); ABREAST];
            for (cut, above) in cuts.iter().zip(&values[1..]) {
                for (value, projected) in value.iter_mut().zip(projected) {
                    *value = r.where_at_most(projected, r.splat(*cut), *value, r.splat(*above));
                }
            }
            for (sum, value) in sums.iter_mut().zip(value) {
                *sum = r.add(*sum, value);
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
