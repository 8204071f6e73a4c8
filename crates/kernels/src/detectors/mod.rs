//! The frozen state of each detector, and how it scores.

pub(crate) mod deviation;
