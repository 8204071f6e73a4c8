//! Shallow trees of hyperplanes, as wide registers walk them.
//!
//! Every tree is filled up to the same 255 cuts, level by level, so that the place of a node is computed. The parts of a level's normal
//! vectors in one column lie together: a register holds those of the upper levels.

use super::Oblique;
use crate::forest::tree::{Node, Visit};

/// Cuts above each leaf.
pub(crate) const DEPTH: usize = 8;
/// Leaves of a tree.
pub(crate) const LEAVES: usize = 1 << DEPTH;
/// Levels whose parts are doubles.
pub(crate) const UPPER: usize = 6;
/// Doubles in a register, and as many places a level has at least.
pub(crate) const LANES: usize = 8;

/// Of each so many columns a hyperplane looks at one at least, or to look at all takes longer than to look up the others.
const COLUMNS_PER_TERM: usize = 4;

/// Places of a level.
pub(crate) const fn width(level: usize) -> usize {
    if 1 << level < LANES { LANES } else { 1 << level }
}

/// Places of the levels from one on that are above another.
pub(crate) const fn between(from: usize, level: usize) -> usize {
    let (mut above, mut places) = (from, 0);
    while above < level {
        places += width(above);
        above += 1;
    }
    places
}

/// A tree, as registers walk it.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// Level after level, column after column, of each place of the level: the part of the normal vector; 0 where there is none. Those of the
    /// upper levels,
    pub(crate) upper: Vec<f64>,
    /// and of the lower ones.
    pub(crate) lower: Vec<i16>,
    /// Of each place: up to what the product goes left; infinity where there is no cut.
    pub(crate) offsets: [f64; between(0, DEPTH)],
    /// Of each leaf, from left to right: what the rows have that end there, in units.
    pub(crate) ends: [i32; LEAVES],
}

/// Trees, as registers walk them.
#[derive(Clone, Debug)]
pub(crate) struct Dense {
    pub(crate) tables: Vec<Table>,
    pub(crate) columns: usize,
}

impl Dense {
    /// The trees over so many columns, of which each leaf, in preorder, has these units; none where one is too deep, or hyperplanes look at
    /// few columns, or parts are not what we grow.
    pub(crate) fn new(trees: &Oblique, columns: usize, units: &[Vec<i32>]) -> Option<Self> {
        let is_deep = trees.forest.trees.iter().any(|tree| tree.depth() > DEPTH);
        let is_short = |part: &f64| short(*part).is_some();
        let fits = columns <= trees.planes.terms * COLUMNS_PER_TERM && trees.planes.parts.iter().all(is_short);
        if is_deep || !fits {
            return None;
        }
        let visits = trees.forest.trees.iter().zip(units).map(|(tree, units)| tree.visits().zip(units.iter().copied()));
        Some(Self { tables: visits.map(|visits| Table::new(trees, columns, visits)).collect(), columns })
    }
}

impl Table {
    fn new(trees: &Oblique, columns: usize, visits: impl Iterator<Item = (Visit, i32)>) -> Self {
        let mut table = Self {
            upper: vec![0.0; columns * between(0, UPPER)],
            lower: vec![0; columns * between(UPPER, DEPTH)],
            offsets: [f64::INFINITY; between(0, DEPTH)],
            ends: [0; LEAVES],
        };
        // The places in their levels of the nodes that are still to come, the next one last.
        let mut places = vec![0];
        for (Visit { node, depth }, units) in visits {
            let place: usize = places.pop().expect("a tree is whole");
            match node {
                Node::Cut { column: cut, threshold } => {
                    places.extend([2 * place + 1, 2 * place]);
                    table.offsets[between(0, depth) + place] = threshold;
                    for (column, part) in trees.planes.terms(cut) {
                        let at = |from| between(from, depth) * columns + column * width(depth) + place;
                        if depth < UPPER {
                            table.upper[at(0)] = part;
                        } else {
                            table.lower[at(UPPER)] = short(part).expect("all parts are whole numbers of 16 bits");
                        }
                    }
                }
                // Nothing is above the offsets below a leaf.
                Node::Leaf { .. } => table.ends[place << (DEPTH - depth)] = units,
            }
        }
        table
    }
}

/// The number, where it is a whole one of 16 bits.
fn short(part: f64) -> Option<i16> {
    #[expect(clippy::cast_possible_truncation, reason = "a whole number of 16 bits")]
    (part.fract() == 0.0 && part.abs() <= f64::from(i16::MAX)).then_some(part as i16)
}
