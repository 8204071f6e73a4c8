//! The tests of the whole crate, as one program: what they share is compiled once, and no core waits for the last test of a file.

mod calibration;
mod common;
mod culprit;
mod detectors;
mod exact;
mod extremes;
mod golden;
mod guided;
mod invariance;
mod model;
mod mutated;
mod sampled;

#[test]
fn every_file_here_is_one_of_them() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(name == "all" || include_str!("all.rs").contains(&format!("\nmod {name};\n")), "{name}");
    }
}
