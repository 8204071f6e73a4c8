//! Large buffers of a thread's last part, for its next one.
//!
//! The allocator gives a buffer of this size back to the system when it is freed, and a part needs a few of a mebibyte:
//! each of their pages would be faulted in again for every part, and cleared by the kernel.

use std::cell::RefCell;
use std::ops::RangeInclusive;

/// What is worth keeping, and harmless to keep.
const BYTES: RangeInclusive<usize> = 1 << 18..=1 << 21;
const BUFFERS_MAX: usize = 4;

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Makes room for `bytes` more, in a spare buffer if `buffer` is empty and too small.
pub(super) fn reserve(buffer: &mut Vec<u8>, bytes: usize) {
    if buffer.is_empty()
        && buffer.capacity() < bytes
        && let Some(spare) = take(bytes)
    {
        give(std::mem::replace(buffer, spare));
    }
    buffer.reserve(bytes);
}

/// Keeps `buffer`, whose bytes nobody needs any more.
pub(super) fn give(mut buffer: Vec<u8>) {
    buffer.clear();
    // While a thread ends there is nobody to keep it for.
    let _ = SPARE.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        if spare.len() < BUFFERS_MAX && BYTES.contains(&buffer.capacity()) {
            spare.push(buffer);
        }
    });
}

/// The smallest spare buffer of so many bytes.
fn take(bytes: usize) -> Option<Vec<u8>> {
    let taken = SPARE.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        let fitting = (0..spare.len()).filter(|index| spare[*index].capacity() >= bytes);
        let index = fitting.min_by_key(|index| spare[*index].capacity())?;
        Some(spare.swap_remove(index))
    });
    taken.ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_buffer_comes_back_and_a_small_or_huge_one_is_freed() {
        for (capacity, comes_back) in [(1 << 10, false), (1 << 20, true), (1 << 22, false)] {
            let given = Vec::with_capacity(capacity);
            let place = given.as_ptr();
            give(given);
            let mut buffer = Vec::new();
            reserve(&mut buffer, capacity);
            assert!(buffer.is_empty() && buffer.capacity() >= capacity);
            if comes_back {
                assert_eq!(buffer.as_ptr(), place, "{capacity}");
            }
            assert_eq!(SPARE.with_borrow(Vec::len), 0, "{capacity}");
        }
    }

    #[test]
    fn what_a_buffer_holds_stays_in_it() {
        give(Vec::with_capacity(1 << 20));
        let mut buffer = vec![7];
        reserve(&mut buffer, 1 << 19);
        assert_eq!(buffer, [7]);
        assert_eq!(SPARE.with_borrow(Vec::len), 1);
    }
}
