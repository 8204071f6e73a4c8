//! A function of one number that is constant between cuts: `values[how many cuts lie below x]`.

#[cfg(target_arch = "x86_64")]
use super::even_steps::EvenSteps;
use crate::Level;
use crate::detector::{Rows, Score};
#[cfg(target_arch = "x86_64")]
use crate::simd::Registers;
use crate::simd::{LANES, Lanes};
use crate::summaries::histogram::{Cuts, LADDER_MAX};

/// The stairs of every column, whose values add up to the score of a row.
#[derive(Debug)]
pub(crate) struct Steps {
    columns: Vec<Stairs>,
    level: Level,
}

impl Steps {
    pub(crate) fn new(columns: Vec<Stairs>, level: Level) -> Self {
        Self { columns, level }
    }
}

impl Score for Steps {
    fn block(&self, columns: &[&[f64]], scores: &mut [f64]) {
        for (stairs, cells) in self.columns.iter().zip(columns) {
            stairs.accumulate(self.level, cells, scores);
        }
        // An infinite score stands for a row with a cell outside of the stairs.
        if sum(self.level, scores).is_finite() {
            return;
        }
        for (row, score) in scores.iter_mut().enumerate().filter(|(_, score)| score.is_infinite()) {
            // In the order in which the columns were added, so that no bit differs.
            let values = self.columns.iter().zip(columns).map(|(stairs, cells)| stairs.value(cells[row]));
            *score = values.fold(0.0, |score, value| score + value);
        }
    }

    fn contributions(&self, rows: Rows<'_>, parts: &mut [f64]) {
        for (cells, parts) in rows.each_with(parts) {
            for ((stairs, cell), part) in self.columns.iter().zip(cells).zip(parts) {
                *part = stairs.contribution(*cell);
            }
        }
    }
}

levels! {
    /// The sum: infinite when one of `values` is, for those of stairs are small.
    fn sum(values: &[f64]) -> f64 = sum_body;
}

#[inline(always)]
fn sum_body(values: &[f64]) -> f64 {
    let mut sum = Lanes::splat(0.0);
    let (steps, rest) = values.as_chunks::<LANES>();
    for step in steps {
        sum = sum.add(Lanes(*step));
    }
    sum.sum() + rest.iter().sum::<f64>()
}

/// The stairs of one column.
#[derive(Clone, Debug)]
pub(crate) struct Stairs {
    cuts: Cuts,
    /// One per rank; those outside are infinite, and the last, for missing cells, is the least of the others.
    values: Vec<f64>,
    outside: Outside,
    /// The same, where registers hold them.
    #[cfg(target_arch = "x86_64")]
    steps: Option<EvenSteps>,
}

/// What lies below the first cut or above the last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outside {
    /// Up to the first of these and above the second, a number is far out.
    pub(crate) far: [f64; 2],
    pub(crate) near_value: f64,
    pub(crate) far_value: f64,
}

impl Stairs {
    /// `between` has one fewer than there are cuts; a missing cell gives `gap`.
    pub(crate) fn new(cuts: Cuts, between: Vec<f64>, outside: Outside, gap: f64) -> Self {
        debug_assert_eq!(cuts.as_slice().len(), between.len() + 1, "a value between each two cuts");
        let mut values = [vec![f64::INFINITY], between, vec![f64::INFINITY]].concat();
        values.resize(cuts.missing_rank() + 1, gap);
        Self {
            #[cfg(target_arch = "x86_64")]
            steps: EvenSteps::new(&cuts, &values[..=cuts.as_slice().len()]),
            cuts,
            values,
            outside,
        }
    }

    /// Adds the value of each cell to the score of its row: infinity where it lies outside, which is rare, so that not every
    /// cell need be compared with what is far out. [`Stairs::value`] tells what to add there.
    fn accumulate(&self, level: Level, cells: &[f64], scores: &mut [f64]) {
        let rest = self.accumulate_in_registers(level, cells, scores);
        let (cells, scores) = (&cells[rest..], &mut scores[rest..]);
        match self.cuts.as_slice().len() {
            0..=4 => climb_4(level, cells, self, scores),
            5..=8 => climb_8(level, cells, self, scores),
            9..=11 => climb_11(level, cells, self, scores),
            12..=LADDER_MAX => climb_16(level, cells, self, scores),
            _ => look_up(level, cells, self, scores),
        }
    }

    /// The same of the first cells, so many as fill whole registers.
    #[cfg(target_arch = "x86_64")]
    fn accumulate_in_registers(&self, level: Level, cells: &[f64], scores: &mut [f64]) -> usize {
        let Some(steps) = &self.steps else { return 0 };
        let whole = cells.len() - cells.len() % LANES;
        if look_up_steps(level, steps, self.gap(), &cells[..whole], &mut scores[..whole]) { whole } else { 0 }
    }

    #[cfg(not(target_arch = "x86_64"))]
    #[expect(clippy::unused_self, reason = "it is used where there are such registers")]
    fn accumulate_in_registers(&self, _: Level, _: &[f64], _: &mut [f64]) -> usize {
        0
    }

    /// The value of one cell.
    fn value(&self, cell: f64) -> f64 {
        let Outside { far: [below, above], near_value, far_value } = self.outside;
        if cell.is_nan() {
            return self.gap();
        }
        let value = self.values[self.cuts.rank(cell)];
        match value {
            f64::INFINITY if cell <= below || cell > above => far_value,
            f64::INFINITY => near_value,
            _ => value,
        }
    }

    /// The value of one cell above that of the most ordinary one.
    fn contribution(&self, cell: f64) -> f64 {
        self.value(cell) - self.gap()
    }

    fn gap(&self) -> f64 {
        self.values[self.values.len() - 1]
    }
}

levels! {
    fn climb_4(cells: &[f64], stairs: &Stairs, scores: &mut [f64]) = climb_body::<4>;
}
levels! {
    fn climb_8(cells: &[f64], stairs: &Stairs, scores: &mut [f64]) = climb_body::<8>;
}
levels! {
    /// Ten bins, which is what nearly everyone has.
    fn climb_11(cells: &[f64], stairs: &Stairs, scores: &mut [f64]) = climb_body::<11>;
}
levels! {
    fn climb_16(cells: &[f64], stairs: &Stairs, scores: &mut [f64]) = climb_body::<LADDER_MAX>;
}
levels! {
    fn look_up(cells: &[f64], stairs: &Stairs, scores: &mut [f64]) = look_up_body;
}

#[cfg(target_arch = "x86_64")]
registers! {
    /// Adds the value of each cell, the gap where it is missing. There are whole registers of them.
    fn look_up_steps(steps: &EvenSteps, gap: f64, cells: &[f64], scores: &mut [f64]) = look_up_steps_body;
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn look_up_steps_body<R: Registers>(r: R, steps: &EvenSteps, gap: f64, cells: &[f64], scores: &mut [f64]) {
    let gap = r.splat(gap);
    for (cells, scores) in cells.chunks_exact(R::LANES).zip(scores.chunks_exact_mut(R::LANES)) {
        let cell = r.load(cells);
        let value = r.choose(r.is_nan(cell), gap, steps.at(r, cell));
        r.store(r.add(r.load(scores), value), scores);
    }
}

/// Compares every cell with every cut. Each cut that a cell passes turns the bits of one value into those of the next:
/// no arithmetic on values, so they stay exact, and fewer instructions than choosing between two.
#[inline(always)]
fn climb_body<const RUNGS: usize>(cells: &[f64], stairs: &Stairs, scores: &mut [f64]) {
    // Nothing passes the rungs that are left over.
    let (mut rungs, mut turns) = ([f64::INFINITY; RUNGS], [0_u64; RUNGS]);
    let cuts = stairs.cuts.as_slice();
    rungs[..cuts.len()].copy_from_slice(cuts);
    for (turn, pair) in turns.iter_mut().zip(stairs.values[..=cuts.len()].windows(2)) {
        *turn = pair[0].to_bits() ^ pair[1].to_bits();
    }
    let (ground, gap) = (stairs.values[0].to_bits(), stairs.gap());
    for (score, cell) in scores.iter_mut().zip(cells) {
        let mut value = ground;
        for (rung, turn) in rungs.iter().zip(&turns) {
            value ^= turn & 0_u64.wrapping_sub(u64::from(cell > rung));
        }
        *score += if cell.is_nan() { gap } else { f64::from_bits(value) };
    }
}

#[inline(always)]
fn look_up_body(cells: &[f64], stairs: &Stairs, scores: &mut [f64]) {
    stairs.cuts.ranks(cells, |row, rank| scores[row] += stairs.values[rank]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_equals_the_plain_definition_to_the_bit() {
        for count in [1_usize, 2, 5, 11, 16, 17, 1025] {
            let edges: Vec<f64> = (0..count).map(|i| i as f64 * 0.1).collect();
            let between: Vec<f64> = (1..count).map(|i| (i * 7919 % 1009) as f64 * 1e-3).collect();
            let outside = Outside { far: [-1e290, 1e290], near_value: 7.0, far_value: 9.0 };
            let stairs = Stairs::new(Cuts::new(&edges, 0.0, 0.1), between.clone(), outside, -0.25);
            for length in 0..200_usize {
                let kinds = [f64::NAN, -0.0, 5e-324, f64::INFINITY, f64::NEG_INFINITY, 1e300];
                let cells: Vec<f64> =
                    (0..length).map(|i| *kinds.get(i % 9).unwrap_or(&((i * 31 % 1100) as f64 * 0.1))).collect();
                for level in Level::available() {
                    let mut scores = vec![0.125; length];
                    stairs.accumulate(level, &cells, &mut scores);
                    for (cell, score) in cells.iter().zip(&scores) {
                        let rank = edges.iter().filter(|edge| cell > *edge).count();
                        let inside = (1..count).contains(&rank);
                        let value = match cell {
                            cell if cell.is_nan() => -0.25,
                            _ if inside => between[rank - 1],
                            cell if cell.abs() > 1e290 => 9.0,
                            _ => 7.0,
                        };
                        assert_eq!(stairs.value(*cell).to_bits(), value.to_bits());
                        let expected = 0.125 + if inside || cell.is_nan() { value } else { f64::INFINITY };
                        assert_eq!(score.to_bits(), expected.to_bits(), "{level:?} {count} cuts, cell {cell}");
                    }
                }
            }
        }
    }
}
