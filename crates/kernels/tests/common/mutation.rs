//! Files as they are damaged, or made up: a few changes of a whole one, always the same for the same number.

/// What stands for a number, or in place of one.
const TOKENS: [&str; 16] = [
    "0",
    "-1",
    "1",
    "-0.0",
    "0.5",
    "1e308",
    "-1e308",
    "5e-324",
    "1e999",
    "255",
    "4294967295",
    "18446744073709551615",
    "null",
    "[]",
    "{}",
    "\"x\"",
];

/// Makes changes by a fixed sequence.
pub(crate) struct Mutation(u64);

impl Mutation {
    pub(crate) fn new(number: u64) -> Self {
        let mut mutation = Self(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        mutation.below(2);
        mutation
    }

    /// A number below `count`, which is not 0.
    fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % count as u64).expect("less than a count")
    }

    /// `whole`, with one to four changes; parts may come from `other`.
    pub(crate) fn of(mut self, whole: &[u8], other: &[u8]) -> Vec<u8> {
        let mut bytes = whole.to_vec();
        for _ in 0..=self.below(4) {
            if bytes.is_empty() {
                return bytes;
            }
            self.change(&mut bytes, other);
        }
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(bytes.len());
        let end = (at + 1 + self.below(16)).min(bytes.len());
        match self.below(8) {
            0 => bytes[at] ^= 1 << self.below(8),
            1 => bytes[at] = [0, 0x7f, 0x80, 0xff][self.below(4)],
            2 => drop(bytes.drain(at..end)),
            3 => bytes.extend_from_within(at..end),
            4 if !other.is_empty() => {
                let from = self.below(other.len());
                let part = &other[from..(from + end - at).min(other.len())];
                bytes.splice(at..end, part.iter().copied());
            }
            5 => bytes.truncate(at),
            _ => self.replace_number(bytes, at),
        }
    }

    /// The next number in a text is another, or something else.
    fn replace_number(&mut self, bytes: &mut Vec<u8>, at: usize) {
        let is_part = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
        let Some(start) = bytes[at..].iter().position(u8::is_ascii_digit).map(|start| at + start) else { return };
        let end = bytes[start..].iter().position(|byte| !is_part(byte)).map_or(bytes.len(), |length| start + length);
        let token = TOKENS[self.below(TOKENS.len())];
        bytes.splice(start..end, token.bytes());
    }
}
