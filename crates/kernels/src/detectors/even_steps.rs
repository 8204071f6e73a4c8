//! A function that is constant between a few cuts, which are about evenly apart, looked up in registers.
//!
//! Arithmetic finds the cut nearest to a number, and one comparison with that cut decides between the two values on its sides. Cuts
//! and values are so few that a lookup among them is one instruction where registers have eight lanes.

use crate::numbers::WHOLE;
use crate::simd::Registers;
use crate::summaries::histogram::Cuts;

/// Values of a function, one more than its cuts.
const VALUES: usize = 16;

/// A function of one number: `values[how many cuts lie below it]`.
#[derive(Clone, Debug)]
pub(crate) struct EvenSteps {
    low: f64,
    scale: f64,
    /// The number of the last cut.
    last: f64,
    /// Nothing lies above those that fill up the table.
    cuts: [f64; VALUES],
    values: [f64; VALUES],
}

impl EvenSteps {
    /// With one value more than cuts; nothing where there are too many, or arithmetic does not find them.
    pub(crate) fn new(cuts: &Cuts, values: &[f64]) -> Option<Self> {
        let ([low, scale], cuts) = (cuts.by_arithmetic()?, cuts.as_slice());
        if cuts.is_empty() || values.len() > VALUES || values.len() != cuts.len() + 1 {
            return None;
        }
        let mut steps =
            Self { low, scale, last: (cuts.len() - 1) as f64, cuts: [f64::INFINITY; VALUES], values: [0.0; VALUES] };
        steps.cuts[..cuts.len()].copy_from_slice(cuts);
        steps.values[..values.len()].copy_from_slice(values);
        Some(steps)
    }

    /// The value at each number; that below all cuts where it is NaN.
    #[inline(always)]
    pub(crate) fn at<R: Registers>(&self, r: R, number: R::Doubles) -> R::Doubles {
        let place = r.mul(r.sub(number, r.splat(self.low)), r.splat(self.scale));
        let place = r.lesser(r.greater(place, r.splat(0.0)), r.splat(self.last));
        let nearest = r.bits(r.add(place, r.splat(WHOLE)));
        let is_above = r.less(r.pick(&self.cuts, nearest), number);
        r.pick(&self.values, r.plus_where(is_above, nearest, r.whole(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;

    registers! {
        fn look_up(steps: &EvenSteps, numbers: &[f64], values: &mut [f64]) = body;
    }

    #[inline(always)]
    fn body<R: Registers>(r: R, steps: &EvenSteps, numbers: &[f64], values: &mut [f64]) {
        for (numbers, values) in numbers.chunks_exact(R::LANES).zip(values.chunks_exact_mut(R::LANES)) {
            r.store(steps.at(r, r.load(numbers)), values);
        }
    }

    #[test]
    fn a_look_up_finds_what_a_search_does() {
        for (count, width) in [(1, 1.0), (2, 1e-300), (11, 0.1), (15, 1e300)] {
            let cuts: Vec<f64> = (0..count).map(|cut| (f64::from(cut) - 4.5) * width).collect();
            let values: Vec<f64> = (0..=count).map(|value| f64::from(value * 7 % 5)).collect();
            let steps = EvenSteps::new(&Cuts::new(&cuts, cuts[0], width), &values).unwrap();
            let near = cuts.iter().flat_map(|cut| [cut.next_down(), *cut, cut.next_up(), cut + 0.4 * width]);
            let far = [f64::NEG_INFINITY, f64::MIN, -0.0, 0.0, f64::MAX, f64::INFINITY, f64::NAN, f64::NAN];
            let mut numbers: Vec<f64> = near.chain(far).collect();
            numbers.resize(numbers.len().next_multiple_of(8), 0.5);
            for level in Level::available() {
                let mut found = vec![0.0; numbers.len()];
                if look_up(level, &steps, &numbers, &mut found) {
                    for (number, found) in numbers.iter().zip(found) {
                        let expected = values[cuts.partition_point(|cut| cut < number)];
                        assert_eq!(found.to_bits(), expected.to_bits(), "{level:?}: {number} of {count} cuts");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_not_even_or_too_much_is_not_looked_up() {
        let of = |cuts: &[f64]| EvenSteps::new(&Cuts::new(cuts, cuts[0], 1.0), &vec![0.0; cuts.len() + 1]).is_some();
        assert!(of(&[0.0, 1.0, 2.0]) && !of(&[0.0, 1.0, 9.0, 9.5]) && !of(&(0..16).map(f64::from).collect::<Vec<_>>()));
    }
}
