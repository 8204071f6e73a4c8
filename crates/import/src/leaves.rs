//! Rows of leaves, from the lengths of the paths that end in them.
//!
//! A path that ends in a leaf of `n` rows below `d` cuts is `d + c(n)` long, and `c` rises with `n`: so the length tells `n`.

use batch_core_kernels::average_path;

/// By how much a length may be off: files have them in single precision.
const LENGTH_ERROR: f64 = 2e-6;

/// How many rows have an average path of that length; none where no whole number has.
pub(crate) fn rows_of_path(length: f64) -> Option<u32> {
    if !length.is_finite() {
        return None;
    }
    let error = LENGTH_ERROR * length.abs().max(1.0);
    let (mut low, mut high) = (1, u32::MAX);
    // The least number of rows with a path that is not shorter.
    while low < high {
        let middle = low + (high - low) / 2;
        if average_path(middle) < length { low = middle + 1 } else { high = middle }
    }
    let off = |rows: &u32| (average_path(*rows) - length).abs();
    let nearest = [low.saturating_sub(1).max(1), low].into_iter().min_by(|a, b| off(a).total_cmp(&off(b)))?;
    (off(&nearest) <= error).then_some(nearest)
}

/// Whether that many rows have an average path of that length.
pub(crate) fn is_path_of(rows: u32, length: f64) -> bool {
    length.is_finite() && (average_path(rows) - length).abs() <= LENGTH_ERROR * length.abs().max(1.0)
}

/// The rows that were drawn for each tree, of which `normal_path` is the average path; `counted` ended in a tree's leaves.
pub(crate) fn drawn_rows(normal_path: f64, counted: u64) -> Option<u32> {
    match u32::try_from(counted) {
        Ok(counted @ 1..) if is_path_of(counted, normal_path) => Some(counted),
        _ => rows_of_path(normal_path),
    }
}

/// The cuts above each node of a tree whose nodes have these children; none for what is not below the root, or is reached twice.
pub(crate) fn depths(children: &[Option<[usize; 2]>]) -> Vec<Option<usize>> {
    let mut depths = vec![None; children.len()];
    let mut open = vec![(0, 0)];
    while let Some((node, depth)) = open.pop() {
        if let Some(place @ None) = depths.get_mut(node) {
            *place = Some(depth);
            open.extend(children[node].into_iter().flatten().map(|child| (child, depth + 1)));
        }
    }
    depths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::cast_possible_truncation, reason = "as files have it")]
    fn a_length_tells_its_rows() {
        for rows in (1..2000).chain([10_000, 30_000]) {
            let path = average_path(rows);
            assert_eq!(rows_of_path(path), Some(rows));
            assert_eq!(rows_of_path(f64::from(path as f32)), Some(rows), "{rows}");
            assert_eq!(drawn_rows(path, u64::from(rows)), Some(rows));
            assert_eq!(drawn_rows(path, 0), Some(rows));
        }
        for wrong in [-1.0, 0.5, 1.1, 1.3, f64::NAN, f64::INFINITY, 1e300, f64::NEG_INFINITY] {
            assert_eq!(rows_of_path(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn depths_are_of_what_is_below_the_root() {
        assert_eq!(depths(&[Some([2, 1]), None, Some([3, 9]), None, None]), [Some(0), Some(1), Some(1), Some(2), None]);
        assert_eq!(depths(&[Some([0, 0])]), [Some(0)], "a circle ends");
        assert!(depths(&[]).is_empty());
    }
}
