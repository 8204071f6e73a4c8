//! The crate against the real library: each file states the laws of one concern.

mod columns;
mod conditions;
mod errors;
mod fixture;
mod library;
mod lifetimes;
mod lock_down;
mod numbers;
mod paths;
mod types;
mod writers;
