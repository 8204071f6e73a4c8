//! Numbers that look random and follow from a key: the finalizer of splitmix64 over a counter.
//!
//! It spreads consecutive numbers evenly, which is all that is needed: nothing here is secret.

/// The step of the counter: 2^64 divided by the golden ratio.
pub(crate) const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finalizer of splitmix64.
#[inline(always)]
pub(crate) fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// The key of part `part` of what `key` stands for.
pub(crate) fn subkey(key: u64, part: u64) -> u64 {
    mix(mix(key.wrapping_add(GOLDEN)) ^ part.wrapping_mul(GOLDEN))
}

/// Of the numbers below `count`, the `most` with the least hashes, by those.
pub(crate) fn first(key: u64, count: usize, most: usize) -> Vec<usize> {
    let mut keyed: Vec<(u64, usize)> =
        (0..count).map(|number| (mix(key.wrapping_add(number as u64)), number)).collect();
    if most < count {
        keyed.select_nth_unstable(most);
        keyed.truncate(most);
    }
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, number)| number).collect()
}

/// Numbers in no order, to be dealt out.
#[derive(Clone, Debug)]
pub(crate) struct Deck {
    key: u64,
    count: usize,
    most: usize,
    shuffled: Vec<usize>,
    shuffles: u64,
}

impl Deck {
    /// The numbers below `count`, of which `most` at most are dealt between two shuffles.
    pub(crate) fn new(key: u64, count: usize, most: usize) -> Self {
        Self { key, count, most, shuffled: Vec::new(), shuffles: 0 }
    }

    /// So many of them, no more than there are and none twice; shuffled again where fewer are left.
    pub(crate) fn deal(&mut self, numbers: usize) -> Vec<usize> {
        if self.shuffled.len() < numbers {
            let first = first(subkey(self.key, self.shuffles), self.count, self.most.max(numbers));
            self.shuffled = first.into_iter().rev().collect();
            self.shuffles += 1;
        }
        self.shuffled.split_off(self.shuffled.len() - numbers)
    }
}

/// The sequence of a key.
#[derive(Clone, Debug)]
pub(crate) struct Sequence(u64);

impl Sequence {
    pub(crate) fn new(key: u64) -> Self {
        Self(key)
    }

    /// The next 64 bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// The next number from 0 to below 1.
    pub(crate) fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The next whole number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let product = u128::from(self.bits()) * end as u128;
        usize::try_from(product >> 64).expect("less than the end")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_below_an_end_are_all_met_and_about_as_often() {
        let mut counts = [0_u32; 7];
        let mut sequence = Sequence::new(subkey(3, 1));
        (0..70_000).for_each(|_| counts[sequence.below(7)] += 1);
        assert!(counts.iter().all(|count| count.abs_diff(10_000) < 500), "{counts:?}");
        let mean = (0..10_000).map(|_| sequence.uniform()).sum::<f64>() / 1e4;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
    }

    #[test]
    fn the_first_of_a_key_are_those_of_fewer_too() {
        let all = first(7, 1000, 1000);
        assert_eq!(all.iter().sum::<usize>(), 999 * 500);
        assert!(!all.is_sorted());
        assert_eq!(first(7, 1000, 30), all[..30]);
        assert_ne!(first(8, 1000, 30), all[..30]);
    }

    #[test]
    fn numbers_are_dealt_out_before_any_comes_again() {
        let mut deck = Deck::new(1, 1050, 3000);
        for shuffle in 0..3 {
            let mut dealt: Vec<usize> = (0..10).flat_map(|_| deck.deal(100)).collect();
            assert!(!dealt.is_sorted());
            dealt.sort_unstable();
            dealt.dedup();
            assert_eq!((dealt.len(), deck.shuffles), (1000, shuffle + 1));
        }
    }

    #[test]
    fn the_sequence_is_that_of_splitmix64() {
        // Of Vigna's splitmix64.c, seeded with 1234567.
        let mut sequence = Sequence::new(1_234_567);
        let expected = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423_u64];
        assert_eq!([sequence.bits(), sequence.bits(), sequence.bits()], expected);
    }
}
