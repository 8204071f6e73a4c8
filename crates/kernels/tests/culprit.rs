//! A cell that is far out makes its row unusual, and its column is the first reason.

use crate::common::{Table, detectors, normal, thorough};
use batch_core_kernels::{Level, Missing};

const COLUMNS: usize = 10;
const ROWS: usize = 20_000;

/// What is eight robust standard deviations above the median: of a normal column, and of whole numbers from 0 to 20.
const FAR: [f64; 2] = [8.0, 10.0 + 8.0 * 7.4];

#[test]
fn the_column_of_a_planted_cell_is_the_first_reason_in_99_of_100_rows() {
    let planted = |row: usize| row % 97 == 5;
    for shapes in [[0, 0, 0], [0, 1, 1]] {
        let table = Table::new(COLUMNS, ROWS, |column, row, uniform| {
            let shape = shapes[column % 3];
            let is_far = planted(row) && row % COLUMNS == column;
            Some(if is_far { FAR[shape] } else { [normal(uniform), (uniform * 21.0).floor()][shape] })
        });
        // In raw units and forty bins too many cells are as rare as can be.
        for (detector, parameters) in detectors().into_iter().filter(|(_, parameters)| parameters["scale"] != "raw") {
            let parameters = thorough(detector, parameters);
            let model = table.fit(detector, &parameters).unwrap();
            let (mut first, mut all) = (0, 0);
            table.batch(&table.all(), 0, ROWS, &mut |batch| {
                let scorer = model.scorer(Level::detect(), Missing::Center);
                for row in (0..ROWS).filter(|row| planted(*row)) {
                    let reasons = scorer.reasons(batch, row, 3);
                    all += 1;
                    first += usize::from(reasons.first().is_some_and(|it| it.column as usize == row % COLUMNS));
                }
            });
            // A bin that holds a few rows is nearly as rare as one that holds none; and as many cells as were planted are as rare by nature, where
            // rarity is all that counts.
            let is_rarity = matches!(detector, "ecod" | "copod") || detector == "hbos" && shapes[1] == 1;
            let share = if is_rarity { 97 } else { 99 };
            assert!(first * 100 >= all * share, "{shapes:?} {detector} {parameters}: {first} of {all}");
        }
    }
}
