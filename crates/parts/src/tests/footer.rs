//! What a footer declares, of files that others wrote and of damaged ones.

#![expect(clippy::float_cmp, reason = "counts are whole numbers")]

use crate::{FooterFacts, footer_facts};
use batch_core_error::Code;
use parquet::file::reader::{FileReader, SerializedFileReader};
use proptest::prelude::*;
use std::fs::File;
use std::path::{Path, PathBuf};

const FIXTURES: [&str; 5] = ["v1-none", "v1-zstd", "v2-snappy", "wide-decimals", "nanoseconds"];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../test/fixtures/pages").join(name).with_extension("parquet")
}

/// The footer of a file, and the file's size.
fn footer(path: &Path) -> (Vec<u8>, u64) {
    let bytes = std::fs::read(path).unwrap();
    let end = bytes.len() - 8;
    let length = u32::from_le_bytes(bytes[end..end + 4].try_into().unwrap());
    (bytes[end - usize::try_from(length).unwrap()..end].to_vec(), bytes.len() as u64)
}

fn facts(path: &Path) -> FooterFacts {
    let (bytes, size) = footer(path);
    footer_facts(&bytes, size, path).unwrap()
}

#[test]
fn row_groups_and_names_are_those_that_the_library_reads() {
    for name in FIXTURES {
        let facts = facts(&fixture(name));
        let reader = SerializedFileReader::new(File::open(fixture(name)).unwrap()).unwrap();
        let metadata = reader.metadata();
        let groups =
            metadata.row_groups().iter().map(|group| (group.num_rows() as f64, group.compressed_size() as f64));
        assert_eq!(
            facts.row_groups.iter().map(|group| (group.rows, group.bytes)).collect::<Vec<_>>(),
            groups.collect::<Vec<_>>()
        );
        assert_eq!(facts.rows, metadata.file_metadata().num_rows() as f64);
        let fields = metadata.file_metadata().schema_descr().root_schema().get_fields().iter();
        let names: Vec<_> = fields.map(|field| field.name().to_owned()).collect();
        assert_eq!(facts.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>(), names);
    }
}

#[test]
fn a_column_of_which_nothing_is_said_leaves_the_others_their_extents() {
    let facts = facts(&fixture("v1-none"));
    let told: Vec<_> = facts.columns.iter().map(|column| (column.name.as_str(), column.extent.is_some())).collect();
    assert_eq!(told, [("x", true), ("n", true), ("word", false), ("list", false)]);
    let n = facts.columns[1].extent.as_ref().unwrap();
    // Every ninth cell is null: 44 of 400, 23 of 200, of which the first is one.
    let last = 599.0 * 599.0;
    assert_eq!((n.low, n.high, n.whole.as_deref()), (0.0, last, Some(&[0, 399 * 399][..])));
    assert_eq!(n.groups, [356.0, 0.0, 399.0 * 399.0, 177.0, 401.0 * 401.0, last]);
    assert!(!facts.plain, "a list is not plain");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]
    #[test]
    fn no_damage_panics_or_is_told_as_anything_but_damage(
        name in 0..FIXTURES.len(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::weighted(0.2, any::<proptest::sample::Index>()),
    ) {
        let (mut bytes, size) = footer(&fixture(FIXTURES[name]));
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        match footer_facts(&bytes, size, Path::new("f")) {
            Ok(facts) => prop_assert_eq!(facts.row_groups.iter().map(|group| group.rows).sum::<f64>(), facts.rows),
            Err(error) => {
                prop_assert_eq!(error.code, Code::SourceInvalid);
                prop_assert!(error.hint.is_some() && error.message.starts_with("\"f\" is "), "{}", error);
            }
        }
    }

    #[test]
    fn nor_do_bytes_that_are_no_footer(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Err(error) = footer_facts(&bytes, 1 << 20, Path::new("f")) {
            prop_assert_eq!(error.code, Code::SourceInvalid);
        }
    }
}
