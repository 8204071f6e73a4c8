//! The generator of `NumPy`'s `RandomState`, for references that draw by it: MT19937 (Matsumoto and Nishimura, "Mersenne twister: a
//! 623-dimensionally equidistributed uniform pseudo-random number generator", 1998), and what is drawn of it.

const WORDS: usize = 624;
/// How far ahead lies the word that is mixed in.
const AHEAD: usize = 397;
const MATRIX: u32 = 0x9908_b0df;
const UPPER_BIT: u32 = 1 << 31;

/// As `numpy.random.RandomState(seed)` is.
#[derive(Clone, Debug)]
pub(crate) struct MersenneTwister {
    words: [u32; WORDS],
    next: usize,
}

impl MersenneTwister {
    pub(crate) fn new(seed: u32) -> Self {
        let mut words = [seed; WORDS];
        for at in 1..WORDS {
            let last = words[at - 1];
            #[expect(clippy::cast_possible_truncation, reason = "below 624")]
            let number = at as u32;
            words[at] = 1_812_433_253_u32.wrapping_mul(last ^ (last >> 30)).wrapping_add(number);
        }
        Self { words, next: WORDS }
    }

    fn twist(&mut self) {
        for at in 0..WORDS {
            let mixed = (self.words[at] & UPPER_BIT) | (self.words[(at + 1) % WORDS] & !UPPER_BIT);
            let odd = if mixed & 1 == 1 { MATRIX } else { 0 };
            self.words[at] = self.words[(at + AHEAD) % WORDS] ^ (mixed >> 1) ^ odd;
        }
        self.next = 0;
    }

    fn bits(&mut self) -> u32 {
        if self.next == WORDS {
            self.twist();
        }
        let mut bits = self.words[self.next];
        self.next += 1;
        bits ^= bits >> 11;
        bits ^= (bits << 7) & 0x9d2c_5680;
        bits ^= (bits << 15) & 0xefc6_0000;
        bits ^ (bits >> 18)
    }

    /// A number up to `most`, which has 32 bits: drawn anew until one is.
    fn up_to(&mut self, most: usize) -> usize {
        let mask = (most + 1).next_power_of_two() - 1;
        loop {
            let drawn = self.bits() as usize & mask;
            if drawn <= most {
                return drawn;
            }
        }
    }

    /// The numbers below `count`, as `RandomState.permutation(count)` has them.
    pub(crate) fn permutation(&mut self, count: usize) -> Vec<usize> {
        let mut numbers: Vec<usize> = (0..count).collect();
        for at in (1..count).rev() {
            let other = self.up_to(at);
            numbers.swap(at, other);
        }
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `NumPy` 2 prints `r = RandomState(seed); r.permutation(10); r.permutation(1000)[:5]`.
    #[test]
    fn permutations_are_those_of_numpy() {
        for (seed, ten, first_of_thousand) in [
            (0, [2, 8, 4, 9, 1, 6, 7, 3, 0, 5], [722, 311, 85, 436, 204]),
            (7, [8, 5, 0, 2, 1, 9, 7, 3, 6, 4], [113, 796, 712, 510, 492]),
            (u32::MAX, [6, 9, 5, 1, 8, 0, 7, 4, 2, 3], [222, 28, 514, 425, 23]),
        ] {
            let mut random = MersenneTwister::new(seed);
            assert_eq!(random.permutation(10), ten);
            assert_eq!(random.permutation(1000)[..5], first_of_thousand);
            assert_eq!((random.permutation(1), random.permutation(0)), (vec![0], vec![]));
        }
    }
}
