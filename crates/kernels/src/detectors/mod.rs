//! The detectors, one file each; [`TABLE`](crate::detector) lists them. What several share has a file too: `deviation`
//! distances from a centre, `stairs` functions that are constant between cuts.

pub(crate) mod auto;
pub(crate) mod deviation;
pub(crate) mod hbos;
pub(crate) mod mad;
pub(crate) mod mahalanobis;
pub(crate) mod stairs;
pub(crate) mod zscore;
