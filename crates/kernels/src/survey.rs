//! Where a pilot says that a column's median must lie, and its median absolute deviation.
//!
//! The rows of a row group are often alike: an `id`, a timestamp, whatever the data were sorted by. So the row groups a
//! pilot read are a sample of row groups and not of rows, and what is not known of a share `F(x)`, that of the cells
//! below `x`, has two parts:
//!
//! ```text
//! row groups that end below x        all of their cells are                     known, from the footers
//! row groups that begin above x      none is                                    known, from the footers
//! the others                         as many as in those of them that           F differs between rows
//!                                    the pilot read                             and between row groups
//! ```
//!
//! In data sorted by the column no more than a few row groups are left open, and the bracket is as wide as those are. In
//! data in no order all are, and all look the same: the bracket is as wide as sampled rows make it. Between the two, the
//! variance between row groups is estimated from how neighbors among those read differ, which is right for ones in no
//! order, and does not take a drift from one end of the source to the other for noise.
//!
//! The low end is the greatest `x` below which surely less than half of the cells lie, and the high end is the least one
//! up to which more than half do: the ends of a Woodruff interval.
//!
//! **How sure.** [`ERRORS`] standard errors at either end, and with few row groups as many as have the same chance by
//! Student's distribution: about 1e-4 for each bracket, so that of a thousand fits of ten columns, one or two read the
//! source again. To miss costs a pass and to be wide costs a part of one, so there would be no sense in more; nor in a
//! bracket that reaches beyond a quarter of the cells to either side ([`REACH`]), however unsure its ends: it is cut there,
//! and misses a few times in a hundred where row groups differ as much as they can. What a bracket holds is counted in
//! bins, so that how wide it is costs time and not memory.

use crate::claims::{Extent, RowGroup};
use crate::quantile::{self, sorted_finite};
use crate::scale;
use crate::summaries::bracket::Bracket;
use crate::summaries::range::Range;

/// Standard errors on either side, where there is no doubt how large those are.
const ERRORS: f64 = 4.0;
/// The share of cells that a bracket reaches to either side at most. A cell inside one costs several times what one outside
/// does, and the bins of half of the cells are still a thousandth of their spread.
const REACH: f64 = 0.25;
/// By how much the variance between row groups, as estimated from a few, may exceed that between rows and still be chance.
const CHANCE: f64 = 2.0;
/// Row groups read from which anything is concluded of others: two or three may be alike by chance.
const CLUSTERS_MIN: usize = 4;

/// The cells of a column in one row group, as claimed.
#[derive(Clone, Copy, Debug)]
struct Claimed {
    cells: f64,
    low: f64,
    high: f64,
}

/// One row group that was read.
#[derive(Clone, Debug)]
struct Cluster {
    claimed: Claimed,
    /// For how many cells it stands.
    weight: f64,
    /// Those of its cells that were sampled, rising.
    sorted: Vec<f64>,
}

/// The cells of a column in one row group that were sampled: how many, and those of them that are finite, rising.
#[derive(Clone, Debug)]
struct Sample {
    cells: usize,
    sorted: Vec<f64>,
}

impl Sample {
    fn of(cells: &[f64]) -> Self {
        Self { cells: cells.len(), sorted: sorted_finite(cells) }
    }
}

/// What is known of a column before a pass over it.
#[derive(Clone, Debug)]
pub(crate) struct Survey {
    groups: Vec<Claimed>,
    clusters: Vec<Cluster>,
}

/// What is known of a share: where it surely lies, and where it probably does.
#[derive(Clone, Copy, Debug)]
struct Share {
    least: f64,
    likely: f64,
    most: f64,
}

/// A bracket, and the likely median within.
#[derive(Clone, Copy, Debug)]
struct Ends {
    low: f64,
    likely: f64,
    high: f64,
}

/// The bracket of column `column`, which has the claimed `range`, from what a `pilot` sampled of it: its row groups one after the
/// other. `finite` of the cells of those were finite.
pub(crate) fn bracket(groups: &[RowGroup], column: usize, range: Range, pilot: &[&[f64]], finite: u64) -> Bracket {
    let sum_shift = scale::shift_for(range.magnitude());
    let samples: Vec<Sample> = pilot.iter().map(|cells| Sample::of(cells)).collect();
    let pooled = samples.iter().flat_map(|sample| sample.sorted.iter().copied()).collect();
    let shift = quantile::middle_shift(&quantile::merged(pooled), 1);
    let [bottom, top] = [range.low, range.high].map(|end| scale::shifted(end, shift).clamp(-f64::MAX, f64::MAX));
    let survey = Survey::new(groups, column, [bottom, top], shift, &samples, finite);
    let Ends { low, likely: center, high } = survey.median(bottom, top);
    let reach = (top - center).max(center - bottom).min(f64::MAX);
    let Ends { low: near, high: far, .. } = survey.distances(center).median(0.0, reach);
    // The true median may be off by as much, that moves the true deviation by as much, and the cells that are so far away from it
    // by as much again.
    let slack = 2.0 * (high - center).max(center - low);
    let (near, far) = ((near - slack).max(0.0), (far + slack).min(reach));
    Bracket { center, low, high, near, far, shift, sum_shift }
}

impl Survey {
    fn new(groups: &[RowGroup], column: usize, ends: [f64; 2], shift: i32, samples: &[Sample], finite: u64) -> Self {
        let read = || groups.iter().filter(|group| group.pilot);
        let extent = |group: &RowGroup| group.extents.get(column).copied();
        // Footers say nothing of NaN. Where there are some, nobody knows how many cells lie where.
        let told = read().map(|group| extent(group).map_or(0, |extent| extent.cells)).sum::<u64>() == finite;
        let [bottom, top] = ends;
        let claimed = |group: &RowGroup| match extent(group).filter(|_| told) {
            Some(Extent { cells, low, high }) => {
                let [low, high] = [low, high].map(|end| scale::shifted(end, shift).clamp(bottom, top));
                Claimed { cells: cells as f64, low, high }
            }
            None => Claimed { cells: group.rows as f64, low: bottom, high: top },
        };
        // Row groups are read by their rows: one that is larger than what one read stands for stands for itself.
        let rows: u64 = groups.iter().map(|group| group.rows).sum();
        let rows_each = rows as f64 / samples.len() as f64;
        let cluster = |(group, Sample { cells, sorted }): (&RowGroup, &Sample)| {
            let sorted = quantile::shifted(sorted, shift);
            let share = sorted.len() as f64 / *cells as f64;
            let weight = share * rows_each.max(group.rows as f64);
            (!sorted.is_empty()).then(|| Cluster { claimed: claimed(group), weight, sorted })
        };
        Self {
            groups: groups.iter().map(claimed).collect(),
            clusters: read().zip(samples).filter_map(cluster).collect(),
        }
    }

    /// The same of how far the cells are from `center`.
    fn distances(&self, center: f64) -> Self {
        let claimed = |&Claimed { cells, low, high }: &Claimed| {
            let (below, above) = ((center - low).abs(), (high - center).abs());
            let within = low <= center && center <= high;
            Claimed { cells, low: if within { 0.0 } else { below.min(above) }, high: below.max(above) }
        };
        let cluster = |cluster: &Cluster| {
            let distances = cluster.sorted.iter().map(|cell| (cell - center).abs()).collect();
            let sorted = quantile::merged(distances);
            Cluster { claimed: claimed(&cluster.claimed), weight: cluster.weight, sorted }
        };
        Self {
            groups: self.groups.iter().map(claimed).collect(),
            clusters: self.clusters.iter().map(cluster).collect(),
        }
    }

    /// Where the median lies, at least between `bottom` and `top`.
    fn median(&self, bottom: f64, top: f64) -> Ends {
        let mut values: Vec<f64> = self.clusters.iter().flat_map(|cluster| cluster.sorted.iter().copied()).collect();
        values.extend(self.groups.iter().flat_map(|group| [group.low, group.high]));
        let mut values = quantile::merged(values);
        values.dedup();
        let up_to = |x: f64| self.share(|cell| cell <= x);
        let least_where = |at: usize| values.get(at).map_or(top, |x| x.min(top));
        let likely = least_where(values.partition_point(|&x| up_to(x).likely < 0.5));
        let high = least_where(values.partition_point(|&x| up_to(x).least <= 0.5));
        let below = values.partition_point(|&x| self.share(|cell| cell < x).most < 0.5);
        let low = below.checked_sub(1).map_or(bottom, |last| values[last].max(bottom));
        Ends { low: low.min(likely), likely, high: high.max(likely) }
    }

    /// The share of the cells that are `under`, as small ones are before larger ones.
    fn share(&self, under: impl Fn(f64) -> bool) -> Share {
        let is_open = |group: &Claimed| under(group.low) && !under(group.high);
        let sum = |test: &dyn Fn(&Claimed) -> bool| -> f64 {
            self.groups.iter().filter(|group| test(group)).map(|group| group.cells).sum()
        };
        let all = sum(&|_| true).max(1.0);
        let (sure, open) = (sum(&|group| under(group.high)) / all, sum(&is_open) / all);
        let counts: Vec<Count> = (self.clusters.iter().filter(|cluster| is_open(&cluster.claimed)))
            .map(|Cluster { weight, sorted, .. }| {
                let cells = sorted.len() as f64;
                Count { weight: *weight, cells, share: sorted.partition_point(|&cell| under(cell)) as f64 / cells }
            })
            .collect();
        let inside = estimated(&counts);
        let likely = sure + open * inside.likely;
        // The two middle ones of an even number of cells are one rank apart.
        let rank = 1.0 / all;
        Share {
            least: (sure + open * inside.least).max(likely - REACH) - rank,
            likely,
            most: (sure + open * inside.most).min(likely + REACH) + rank,
        }
    }
}

/// What was found in one row group.
#[derive(Clone, Copy, Debug)]
struct Count {
    weight: f64,
    cells: f64,
    /// Of the cells, those looked for.
    share: f64,
}

/// The share in all row groups of which `counts` are a sample, in the order of the source.
fn estimated(counts: &[Count]) -> Share {
    if counts.len() < CLUSTERS_MIN {
        return Share { least: 0.0, likely: 0.5, most: 1.0 };
    }
    let clusters = counts.len() as f64;
    let weight: f64 = counts.iter().map(|count| count.weight).sum();
    let likely = counts.iter().map(|count| count.weight * count.share).sum::<f64>() / weight;
    let square = |value: f64| value * value;
    let rows = counts.iter().map(|count| square(count.weight) / count.cells).sum::<f64>() * 0.25 / square(weight);
    let off = |count: &Count| count.weight * (count.share - likely);
    let steps: f64 = counts.windows(2).map(|pair| square(off(&pair[1]) - off(&pair[0]))).sum();
    let between = steps * clusters / (2.0 * (clusters - 1.0)) / square(weight);
    let margin = ERRORS * rows.sqrt() + student_errors(clusters) * (between - CHANCE * rows).max(0.0).sqrt();
    Share { least: (likely - margin).max(0.0), likely, most: (likely + margin).min(1.0) }
}

/// Standard errors with the chance of [`ERRORS`] where the variance is estimated from the steps between so many: a
/// Cornish-Fisher expansion of Student's quantile, with the degrees of freedom that steps between normal numbers have.
fn student_errors(clusters: f64) -> f64 {
    let freedom = 2.0 * (clusters - 1.0) * (clusters - 1.0) / (3.0 * clusters - 4.0);
    ERRORS + (17.0 + (64.0 + 182.0 / freedom) / freedom) / freedom
}

#[cfg(test)]
mod tests {
    #![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "places in short lists")]

    use super::*;
    use crate::Level;
    use crate::summaries::counted::Counted;
    use crate::summaries::marked::Marked;

    const ROWS: usize = 200;

    /// A fixed sequence of uniform numbers for each seed.
    struct Random(u64);

    impl Random {
        fn uniform(&mut self) -> f64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((self.0 >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
        }

        fn normal(&mut self) -> f64 {
            (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
        }

        /// One number for each of `count`.
        fn each<T>(&mut self, count: usize, number: impl Fn(&mut Self) -> T) -> Vec<T> {
            (0..count).map(|_| number(self)).collect()
        }
    }

    /// A name, and the cells of one column, row group by row group, for so many of those.
    type Shape = (&'static str, fn(usize, &mut Random) -> Vec<Vec<f64>>);

    fn by_row(groups: usize, random: &mut Random, cell: impl Fn(f64, usize, &mut Random) -> f64) -> Vec<Vec<f64>> {
        let row = |group, row| (group * ROWS + row) as f64 / (groups * ROWS) as f64;
        (0..groups).map(|group| (0..ROWS).map(|i| cell(row(group, i), group, random)).collect()).collect()
    }

    /// Columns that are sorted, clustered, or neither; `f64::NAN` where a cell is missing.
    const SHAPES: [Shape; 17] = [
        ("no order", |n, random| by_row(n, random, |_, _, random| random.normal())),
        ("heavy tails", |n, random| by_row(n, random, |_, _, random| (random.uniform() - 0.5).powi(-3))),
        ("an id", |n, random| by_row(n, random, |at, _, _| at * 1e6)),
        ("sorted backwards, heavy tails", |n, random| by_row(n, random, |at, _, _| (1.01 - at).powi(-9))),
        ("timestamps with bursts", |n, random| {
            let steps = random.each(n, |random| random.uniform().powi(-2));
            let mut time = 1.7e9;
            by_row(n, random, |_, group, random| steps[group] * random.uniform())
                .into_iter()
                .map(|mut cells| {
                    for cell in &mut cells {
                        time += *cell;
                        *cell = time;
                    }
                    cells
                })
                .collect()
        }),
        ("sorted by a key of 40", |n, random| {
            let keys = random.each(40, |random| 100.0 * random.uniform());
            by_row(n, random, |at, _, random| keys[(at * 40.0) as usize] + random.normal())
        }),
        ("blocks that overlap", |n, random| {
            let shifts = random.each(n, Random::normal);
            by_row(n, random, |_, group, random| shifts[group] + random.normal())
        }),
        ("drift", |n, random| by_row(n, random, |at, _, random| 2.0 * at + random.normal())),
        ("drift, heavy tails", |n, random| {
            by_row(n, random, |at, _, random| 4.0 * at + (random.uniform() - 0.5).powi(-3))
        }),
        ("a random walk", |n, random| {
            let mut at = 0.0;
            let mut cells = by_row(n, random, |_, _, random| random.normal());
            cells.iter_mut().flatten().for_each(|cell| {
                at += *cell;
                *cell = at;
            });
            cells
        }),
        ("zeros here and there", |n, random| {
            by_row(n, random, |_, _, random| if random.uniform() < 0.7 { 0.0 } else { random.uniform() })
        }),
        ("zeros in blocks", |n, random| {
            let zeros = random.each(n, |random| if random.uniform() < 0.5 { 0.95 } else { 0.0 });
            by_row(n, random, |_, group, random| if random.uniform() < zeros[group] { 0.0 } else { random.uniform() })
        }),
        ("few values, in blocks", |n, random| {
            let firsts = random.each(n, |random| (5.0 * random.uniform()).floor());
            by_row(n, random, |_, group, random| firsts[group] + (3.0 * random.uniform()).floor())
        }),
        ("fewer and fewer missing, as null, with drift", |n, random| {
            by_row(
                n,
                random,
                |at, _, random| if random.uniform() < 0.95 - 0.9 * at { f64::NAN } else { at + 0.1 * random.normal() },
            )
        }),
        ("fewer and fewer missing, as NaN, with drift", |n, random| {
            by_row(
                n,
                random,
                |at, _, random| if random.uniform() < 0.95 - 0.9 * at { f64::NAN } else { at + 0.1 * random.normal() },
            )
        }),
        ("files sorted one by one", |n, random| {
            by_row(n, random, |_, group, random| (group % 8) as f64 + random.uniform())
        }),
        ("constant but in one block", |n, random| {
            by_row(n, random, |_, group, random| if group == n / 2 { random.normal() } else { 3.0 })
        }),
    ];

    /// Whether the bracket from a pilot over every 16th row group or so holds; and the share of the cells in its middle.
    fn holds(groups: &[Vec<f64>], nan: bool) -> (bool, f64) {
        let count = groups.len().div_ceil(16).max(4);
        let stretch = groups.len() as f64 / count as f64;
        let chosen = |i: usize| ((i as f64 + ((i + 1) as f64 * 0.618_033_988_749_894_9).fract()) * stretch) as usize;
        let read: Vec<usize> = (0..count).map(chosen).collect();
        let told = |(index, cells): (usize, &Vec<f64>)| {
            let finite = sorted_finite(cells);
            let cells = if nan { ROWS } else { finite.len() } as u64;
            let [low, high] =
                [finite.first().copied().unwrap_or(f64::INFINITY), finite.last().copied().unwrap_or(f64::NEG_INFINITY)];
            RowGroup { rows: ROWS as u64, pilot: read.contains(&index), extents: vec![Extent { cells, low, high }] }
        };
        let claimed: Vec<RowGroup> = groups.iter().enumerate().map(told).collect();
        let all = sorted_finite(&groups.concat());
        let sampled: Vec<&[f64]> = read.iter().map(|&group| groups[group].as_slice()).collect();
        let finite = sorted_finite(&sampled.concat()).len() as u64;
        let range = Range { low: all[0], high: all[all.len() - 1] };
        let bracket = bracket(&claimed, 0, range, &sampled, finite);
        let mut counted = Counted::new(1024);
        for cells in groups.iter().flat_map(|cells| cells.chunks(2048)) {
            counted.observe(
                Level::detect(),
                &bracket,
                &quantile::shifted(cells, bracket.shift),
                &mut Marked::default(),
            );
        }
        let inside = all.iter().filter(|&&cell| bracket.low <= cell && cell <= bracket.high).count();
        (quantile::holds(all.len() as u64, &bracket, &counted), inside as f64 / all.len() as f64)
    }

    /// How many of so many brackets of a shape hold, and what share of the cells their middles have at most.
    fn held(shape: Shape, groups: usize, fits: u64) -> (u64, f64) {
        let one = |seed| holds(&(shape.1)(groups, &mut Random(seed)), shape.0.contains("NaN"));
        let found: Vec<(bool, f64)> = (1..=fits).map(one).collect();
        (
            found.iter().map(|(held, _)| u64::from(*held)).sum(),
            found.iter().map(|(_, share)| *share).fold(0.0, f64::max),
        )
    }

    #[test]
    fn brackets_hold_whatever_the_order_of_the_rows() {
        for shape in SHAPES {
            let (held, widest) = held(shape, 163, 10);
            // Half the cells of half the row groups: eleven of those do not tell a median in every case.
            let sought = if shape.0 == "zeros in blocks" { 9 } else { 10 };
            assert!(held >= sought, "{}: {held} of 10", shape.0);
            let ties = ["zeros", "few values", "constant"].iter().any(|word| shape.0.starts_with(word));
            // Half of the cells, as far as a sample tells what half is.
            assert!(ties || widest <= 0.75, "{}: {widest}", shape.0);
        }
    }

    #[test]
    fn four_row_groups_are_enough_where_footers_tell_or_rows_are_in_no_order() {
        for shape in SHAPES {
            let (held, _) = held(shape, 40, 10);
            let sought = if shape.0.contains("blocks") { 7 } else { 10 };
            assert!(held >= sought, "{}: {held} of 10", shape.0);
        }
    }

    #[test]
    fn sorted_columns_have_narrow_brackets() {
        for shape in SHAPES.into_iter().filter(|shape| shape.0.contains("sorted b") || shape.0 == "an id") {
            let (_, widest) = held(shape, 163, 3);
            assert!(widest < if shape.0.contains("key") { 0.3 } else { 0.01 }, "{}: {widest}", shape.0);
        }
    }
}
