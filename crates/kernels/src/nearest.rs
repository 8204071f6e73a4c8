//! The nearest of some rows, several rows at a time: squared distances from sixteen of them lie in registers, are sorted there by a
//! network, and merged with the nearest so far.

#[cfg(target_arch = "x86_64")]
use crate::numbers::STRETCH;
#[cfg(target_arch = "x86_64")]
use crate::simd::Registers;

/// Reference rows compared at once.
pub(crate) const ABREAST: usize = 16;

/// Reference rows, as they are compared.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tiles {
    /// Of each [`ABREAST`] rows, column after column, the cell of each; where there are fewer, the last are infinitely far.
    cells: Vec<f64>,
    columns: usize,
    /// How many squares are kept.
    kept: usize,
    /// Places among them, by distance: of the one that counts, and of that where one row is equal.
    places: [usize; 2],
}

impl Tiles {
    /// Of `rows`; places are from 0.
    pub(crate) fn new(rows: &[Vec<f64>], places: [usize; 2]) -> Self {
        let rows: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
        Self { cells: tiled::<ABREAST>(&rows), columns: rows[0].len(), kept: places[1] + 1, places }
    }
}

levels! {
    /// Writes the squared distance of a row from each reference row; there is room for a whole number of tiles.
    pub(crate) fn squares_of_row(tiles: &Tiles, row: &[f64], squares: &mut [f64]) = squares_of_row_body;
}

#[inline(always)]
fn squares_of_row_body(tiles: &Tiles, row: &[f64], squares: &mut [f64]) {
    let tiles = tiles.cells.chunks_exact(tiles.columns * ABREAST);
    for (tile, squares) in tiles.zip(squares.as_chunks_mut::<ABREAST>().0) {
        let mut sums = [0.0; ABREAST];
        for (parts, cell) in tile.as_chunks::<ABREAST>().0.iter().zip(row) {
            for (sum, part) in sums.iter_mut().zip(parts) {
                *sum += (cell - part) * (cell - part);
            }
        }
        *squares = sums;
    }
}

/// Of each `N` of some rows, column after column, the cell of each; where there are fewer, the last are infinitely far.
pub(crate) fn tiled<const N: usize>(rows: &[&[f64]]) -> Vec<f64> {
    let mut cells = Vec::with_capacity(rows.len().next_multiple_of(N) * rows[0].len());
    for rows in rows.chunks(N) {
        let column = |column: usize| (0..N).map(move |row| rows.get(row).map_or(f64::INFINITY, |row| row[column]));
        cells.extend((0..rows[0].len()).flat_map(column));
    }
    cells
}

/// The squared distances of as many rows as a register has lanes from `N` rows of a tile. `cells` begin with theirs of the first column.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn squares<R: Registers, const N: usize>(r: R, tile: &[f64], cells: &[f64]) -> [R::Doubles; N] {
    let mut squares = [r.splat(0.0); N];
    for (cells, parts) in cells.chunks(STRETCH).zip(tile.as_chunks::<N>().0) {
        let cells = r.load(cells);
        for (square, part) in squares.iter_mut().zip(parts) {
            let distance = r.sub(cells, r.splat(*part));
            *square = r.add(*square, r.mul(distance, distance));
        }
    }
    squares
}

#[cfg(target_arch = "x86_64")]
registers! {
    /// Writes the distance of each row from the reference row that counts. `cells` are those of [`STRETCH`] rows, column after column.
    fn distances(tiles: &Tiles, cells: &[f64], distances: &mut [f64]) = distances_body;
}

/// The same; false where there are no registers for it.
pub(crate) fn distances_in_registers(level: crate::Level, tiles: &Tiles, cells: &[f64], out: &mut [f64]) -> bool {
    #[cfg(target_arch = "x86_64")]
    return distances(level, tiles, cells, out);
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Exchanges pairs of places, so that the first has the lesser.
#[cfg(target_arch = "x86_64")]
macro_rules! exchange {
    ($registers:ident, $doubles:ident: $(($a:literal $b:literal))*) => {
        $(
            let (low, high) = ($doubles[$a], $doubles[$b]);
            $doubles[$a] = $registers.lesser(low, high);
            $doubles[$b] = $registers.greater(low, high);
        )*
    };
}

/// Sorts each lane: Batcher's odd-even merges ("Sorting networks and their applications", 1968).
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn sort<R: Registers>(r: R, d: &mut [R::Doubles; ABREAST]) {
    exchange!(r, d: (0 1) (2 3) (4 5) (6 7) (8 9) (10 11) (12 13) (14 15));
    exchange!(r, d: (0 2) (1 3) (4 6) (5 7) (8 10) (9 11) (12 14) (13 15));
    exchange!(r, d: (1 2) (5 6) (9 10) (13 14));
    exchange!(r, d: (0 4) (1 5) (2 6) (3 7) (8 12) (9 13) (10 14) (11 15));
    exchange!(r, d: (2 4) (3 5) (10 12) (11 13));
    exchange!(r, d: (1 2) (3 4) (5 6) (9 10) (11 12) (13 14));
    exchange!(r, d: (0 8) (1 9) (2 10) (3 11) (4 12) (5 13) (6 14) (7 15));
    exchange!(r, d: (4 8) (5 9) (6 10) (7 11));
    exchange!(r, d: (2 4) (3 5) (6 8) (7 9) (10 12) (11 13));
    exchange!(r, d: (1 2) (3 4) (5 6) (7 8) (9 10) (11 12) (13 14));
}

/// Sorts each lane, which first rises and then falls or the other way.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn sort_bitonic<R: Registers>(r: R, d: &mut [R::Doubles; ABREAST]) {
    exchange!(r, d: (0 8) (1 9) (2 10) (3 11) (4 12) (5 13) (6 14) (7 15));
    exchange!(r, d: (0 4) (1 5) (2 6) (3 7) (8 12) (9 13) (10 14) (11 15));
    exchange!(r, d: (0 2) (1 3) (4 6) (5 7) (8 10) (9 11) (12 14) (13 15));
    exchange!(r, d: (0 1) (2 3) (4 5) (6 7) (8 9) (10 11) (12 13) (14 15));
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn distances_body<R: Registers>(r: R, tiles: &Tiles, cells: &[f64], distances: &mut [f64]) {
    let (zero, infinity) = (r.splat(0.0), r.splat(f64::INFINITY));
    let mut nearest = vec![[infinity; ABREAST]; tiles.kept.div_ceil(ABREAST)];
    let mut last = [0.0; STRETCH];
    let last = &mut last[..distances.len().next_multiple_of(R::LANES)];
    for (group, out) in last.chunks_exact_mut(R::LANES).enumerate() {
        nearest.fill([infinity; ABREAST]);
        for tile in tiles.cells.chunks_exact(tiles.columns * ABREAST) {
            let mut squares = squares::<R, ABREAST>(r, tile, &cells[group * R::LANES..]);
            sort(r, &mut squares);
            merge(r, &mut nearest, squares);
        }
        let [place, place_with_twin] = tiles.places.map(|place| nearest[place / ABREAST][place % ABREAST]);
        let square = r.where_at_most(nearest[0][0], zero, place_with_twin, place);
        r.store(r.sqrt(square), out);
    }
    distances.copy_from_slice(&last[..distances.len()]);
}

/// Puts sixteen sorted squares among the nearest, which are sorted too.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn merge<R: Registers>(r: R, nearest: &mut [[R::Doubles; ABREAST]], mut squares: [R::Doubles; ABREAST]) {
    let others = nearest.len() - 1;
    for (number, near) in nearest.iter_mut().enumerate() {
        // The sixteen least of both, and the sixteen others, each a lane that rises and falls.
        let mut low = *near;
        for i in 0..ABREAST {
            low[i] = r.lesser(near[i], squares[ABREAST - 1 - i]);
        }
        if number == others {
            sort_bitonic(r, &mut low);
            *near = low;
            return;
        }
        let mut high = squares;
        for i in 0..ABREAST {
            high[i] = r.greater(near[i], squares[ABREAST - 1 - i]);
        }
        sort_bitonic(r, &mut low);
        *near = low;
        sort_bitonic(r, &mut high);
        squares = high;
    }
}
