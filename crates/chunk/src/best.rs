//! The few highest rows of a chunk with their reasons, for the report.

use batch_core_kernels::Reason;

/// A row worth showing to a person.
#[derive(Clone, Debug)]
pub(crate) struct BestRow {
    /// The file's place in the plan.
    pub(crate) file: u32,
    /// Row number in the file.
    pub(crate) row: u64,
    /// Its score.
    pub(crate) score: f64,
    /// What made it so, greatest first.
    pub(crate) reasons: Vec<Reason>,
}

/// At most `capacity` rows, highest first; among equals the earlier row.
#[derive(Debug)]
pub(crate) struct BestRows {
    capacity: usize,
    rows: Vec<BestRow>,
}

impl BestRows {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, rows: Vec::with_capacity(capacity + 1) }
    }

    /// Whether a row of this score, later than all rows seen, would be kept.
    pub(crate) fn admits(&self, score: f64) -> bool {
        match self.rows.last() {
            Some(last) if self.rows.len() == self.capacity => score > last.score,
            _ => self.capacity > 0 && !score.is_nan(),
        }
    }

    /// Whether one of these, later than all rows seen, may be. Asked of a batch, for hardly any row of a chunk is among
    /// its highest.
    pub(crate) fn admits_any(&self, scores: &[f64]) -> bool {
        match self.rows.last() {
            // No early end: several are then compared by one instruction.
            Some(last) if self.rows.len() == self.capacity => {
                scores.iter().filter(|score| **score > last.score).count() > 0
            }
            _ => self.capacity > 0,
        }
    }

    pub(crate) fn push(&mut self, row: BestRow) {
        let at = self.rows.partition_point(|r| r.score >= row.score);
        self.rows.insert(at, row);
        self.rows.truncate(self.capacity);
    }

    /// The kept rows from row `first` of the file on.
    pub(crate) fn since(&mut self, first: u64) -> impl Iterator<Item = &mut BestRow> {
        self.rows.iter_mut().filter(move |row| row.row >= first)
    }

    /// The rows, highest first.
    pub(crate) fn into_rows(self) -> Vec<BestRow> {
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(capacity: usize, scores: &[f64]) -> Vec<(u64, f64)> {
        let mut best = BestRows::new(capacity);
        for (score, row) in scores.iter().zip(0..) {
            if best.admits(*score) {
                best.push(BestRow { file: 0, row, score: *score, reasons: Vec::new() });
            }
        }
        best.into_rows().into_iter().map(|r| (r.row, r.score)).collect()
    }

    #[test]
    fn keeps_the_highest_and_of_equals_the_first() {
        assert_eq!(kept(2, &[1.0, 3.0, 3.0, 2.0, 3.0]), [(1, 3.0), (2, 3.0)]);
        assert_eq!(kept(0, &[1.0]), []);
        assert_eq!(kept(3, &[f64::NAN, 1.0]), [(1, 1.0)]);
    }
}
