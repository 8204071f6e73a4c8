//! Damage in a source is found and placed; a hostile source is an error that names it, at no more cost than its bytes.
//!
//! The files of `test/fixtures/pages` carry checksums that pyarrow computed; where their columns lie is asked of the
//! Parquet library.

use super::write_part;
use crate::{Damage, Disk, SourceError, SourceReceipt, kept_sizes, page_sizes, verify_row_groups};
use batch_core_error::Code;
use parquet::file::reader::{FileReader, SerializedFileReader};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const FIXTURES: [&str; 3] = ["v1-none", "v1-zstd", "v2-snappy"];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../test/fixtures/pages").join(name).with_extension("parquet")
}

fn verify(path: &Path, first: u64, rows: &[u64]) -> Result<SourceReceipt, SourceError> {
    verify_row_groups(path, first, rows, || ControlFlow::Continue(()))
}

/// One column of one row group.
struct Place {
    row_group: u64,
    column: String,
    bytes: Range<usize>,
}

/// Rows of each row group and places of all columns, as the Parquet library reads them.
fn layout(path: &Path) -> (Vec<u64>, Vec<Place>) {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let mut places = Vec::new();
    let mut rows = Vec::new();
    for (row_group, group) in (0..).zip(reader.metadata().row_groups()) {
        rows.push(u64::try_from(group.num_rows()).unwrap());
        for column in group.columns() {
            let (start, length) = column.byte_range();
            let start = usize::try_from(start).unwrap();
            let bytes = start..start + usize::try_from(length).unwrap();
            places.push(Place { row_group, column: column.column_path().parts().join("."), bytes });
        }
    }
    (rows, places)
}

fn digests(path: &Path) -> Vec<String> {
    let (rows, places) = layout(path);
    let bytes = std::fs::read(path).unwrap();
    let of = |group: u64| {
        let mut hash = Sha256::new();
        places
            .iter()
            .filter(|place| place.row_group == group)
            .for_each(|place| hash.update(&bytes[place.bytes.clone()]));
        crate::digest::hex(&hash.finalize())
    };
    (0..rows.len() as u64).map(of).collect()
}

fn sums(receipt: &SourceReceipt) -> Vec<String> {
    receipt.row_groups.iter().map(|group| group.sha256.clone()).collect()
}

#[test]
fn checksums_that_others_wrote_are_right_and_digests_are_of_the_columns_bytes() {
    for name in FIXTURES {
        let (path, (rows, places)) = (fixture(name), layout(&fixture(name)));
        let receipt = verify(&path, 0, &rows).unwrap();
        assert_eq!(receipt.row_groups.len(), 2, "{name}");
        assert!(receipt.pages > 2 * places.len() as u64 && receipt.pages_with_checksum == receipt.pages, "{receipt:?}");
        assert_eq!(sums(&receipt), digests(&path), "{name}");
        let bytes: usize = places.iter().map(|place| place.bytes.len()).sum();
        assert_eq!(receipt.row_groups.iter().map(|group| group.bytes).sum::<u64>(), bytes as u64);
    }
}

#[test]
fn a_digest_does_not_depend_on_how_row_groups_share_chunks() {
    let home = tempfile::tempdir().unwrap();
    write_part(&Disk::shared(), home.path(), "0", 0, 2_500).unwrap();
    let path = home.path().join("0");
    let (rows, _) = layout(&path);
    assert_eq!(rows, [1_000, 1_000, 500]);
    let whole = verify(&path, 0, &rows).unwrap();
    assert_eq!(sums(&whole), digests(&path));
    assert!(whole.pages > 10 && whole.pages_with_checksum == 0, "our own parts have no checksums");
    let cut = [verify(&path, 0, &rows[..1]).unwrap(), verify(&path, 1, &rows[1..]).unwrap()];
    assert_eq!(cut.iter().flat_map(sums).collect::<Vec<_>>(), sums(&whole));
    assert_eq!(cut[0].pages + cut[1].pages, whole.pages);
}

#[test]
fn every_flipped_byte_of_a_page_is_found_where_it_lies() {
    let home = tempfile::tempdir().unwrap();
    for name in FIXTURES {
        let path = home.path().join(name);
        let (bytes, clean) = (std::fs::read(fixture(name)).unwrap(), digests(&fixture(name)));
        let (rows, places) = layout(&fixture(name));
        let (mut missed, mut tried) = (0, 0);
        for place in &places {
            for at in place.bytes.clone().step_by(7) {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << (at % 8);
                std::fs::write(&path, &damaged).unwrap();
                tried += 1;
                match verify(&path, 0, &rows) {
                    // In a header there are bytes that nothing is checked against: the digest still tells.
                    Ok(receipt) => {
                        missed += 1;
                        let differ = sums(&receipt).iter().zip(&clean).map(|(a, b)| a != b).collect::<Vec<_>>();
                        assert_eq!(differ, [place.row_group == 0, place.row_group == 1], "{name} at {at}");
                    }
                    Err(SourceError::Damage(damage)) => {
                        let Damage { row_group, column, offset, what, .. } = damage;
                        assert_eq!((row_group, &column), (place.row_group, &place.column), "{what}");
                        // A page that is missing begins where its column ends.
                        let columns = place.bytes.start as u64..=place.bytes.end as u64;
                        assert!(columns.contains(&offset), "{offset}: {what}");
                    }
                    Err(other) => panic!("{name} at {at}: {other:?}"),
                }
            }
        }
        // A checksum is of what follows the header. Headers are a third of the smallest of these files.
        assert!(tried > 500 && missed * 5 < tried, "{name}: {missed} of {tried} were not found");
    }
}

#[test]
fn a_page_is_named() {
    let home = tempfile::tempdir().unwrap();
    let (path, name) = (home.path().join("0"), "v2-snappy");
    let (rows, places) = layout(&fixture(name));
    let mut bytes = std::fs::read(fixture(name)).unwrap();
    let last = places.iter().rfind(|place| place.column == "list.list.element").unwrap();
    bytes[last.bytes.end - 1] ^= 0x10;
    std::fs::write(&path, bytes).unwrap();
    let Err(SourceError::Damage(damage)) = verify(&path, 0, &rows) else { panic!("it was not found") };
    let said = damage.to_string();
    assert!(said.starts_with("row group 1, column \"list.list.element\", page "), "{said}");
    assert!(said.contains("has the CRC-32 ") && said.contains(", and its header says "), "{said}");
    assert!(damage.page > 0 && damage.offset > last.bytes.start as u64, "{damage:?}");
    // The other row group is as it was.
    verify(&path, 0, &rows[..1]).unwrap();
}

#[test]
fn page_sizes_are_those_that_a_reader_unpacks() {
    use parquet::column::page::Page;
    for name in FIXTURES {
        let path = fixture(name);
        let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
        let group = reader.get_row_group(1).unwrap();
        let expected: Vec<(String, u64)> = (0..group.num_columns())
            .map(|leaf| {
                let mut pages = group.get_column_page_reader(leaf).unwrap();
                let mut bytes = 0;
                while let Some(page) = pages.get_next_page().unwrap() {
                    bytes += page.buffer().len() as u64;
                    if !matches!(page, Page::DictionaryPage { .. }) {
                        break;
                    }
                }
                (group.metadata().column(leaf).column_path().parts()[0].clone(), bytes)
            })
            .collect();
        let found = page_sizes(&path, 1, 200).unwrap();
        assert_eq!(found.into_iter().map(|p| (p.column, p.bytes)).collect::<Vec<_>>(), expected, "{name}");
        assert!(page_sizes(&path, 1, 201).is_err() && page_sizes(&path, 2, 200).is_err());
    }
}

/// Writes row groups of `rows` rows: a number, a text of a dictionary, that text in lists of three, and text in none.
fn kept(path: &Path, codec: parquet::basic::Compression, rows: &[usize]) {
    use arrow_array::builder::{ArrayBuilder, ListBuilder, StringBuilder};
    use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
    use parquet::arrow::ArrowWriter;
    use parquet::file::properties::WriterProperties;
    let text = |row: usize| ["short", &"long".repeat(10_000)][usize::from(row % 100 == 7)].to_owned();
    let mut lists = ListBuilder::new(StringBuilder::new());
    for row in 0..rows.iter().sum() {
        (0..3).for_each(|item| lists.values().append_value(text(3 * row + item)));
        lists.append(true);
    }
    let count = lists.len();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("number", Arc::new((0..count).map(|row| Some(row as f64)).collect::<Float64Array>())),
        ("shared", Arc::new((0..count).map(|row| Some(text(row))).collect::<StringArray>())),
        ("lists", Arc::new(lists.finish())),
        ("different", Arc::new((0..count).map(|row| Some(format!("{row:0500}"))).collect::<StringArray>())),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder()
        .set_compression(codec)
        .set_column_dictionary_enabled("different".into(), false)
        .build();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    let mut first = 0;
    for rows in rows {
        writer.write(&batch.slice(first, *rows)).unwrap();
        writer.flush().unwrap();
        first += rows;
    }
    writer.close().unwrap();
}

#[test]
fn kept_values_are_as_large_as_the_longest_of_a_dictionary() {
    use parquet::basic::{Compression, ZstdLevel};
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("kept");
    let rows = [3_000, 5_000, 7];
    let wanted = ["number", "shared", "lists", "different", "absent"].map(str::to_owned);
    for codec in [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::ZSTD(ZstdLevel::default())] {
        kept(&path, codec, &rows);
        let sizes = |look| kept_sizes(&path, &rows.map(|rows| rows as u64), &wanted, look).unwrap();
        let found = sizes(1 << 20);
        let [number, shared, lists, different] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((number.column.as_str(), number.vector, number.row), ("number", 2048.0 * 8.0, 8.0));
        // 50 texts of 40,000 bytes in the larger row group, which says so: less than 2,048 would be.
        assert_eq!((shared.column.as_str(), shared.leaves), ("shared", 1));
        assert!((2.0e6..2.2e6).contains(&shared.vector) && shared.row < 100.0, "{shared:?}");
        assert!((10.0e6..15.0e6).contains(&lists.vector), "{lists:?}");
        // What is not looked at is guessed from the average: of a dictionary of two, all of it.
        assert!(sizes(0)[1].vector >= shared.vector && sizes(0)[2].vector >= lists.vector);
        assert!((2.0e6..5.0e6).contains(&different.vector) && (500.0..520.0).contains(&different.row), "{different:?}");
    }
    assert!(kept_sizes(&path, &[3_000, 5_001, 7], &wanted, 0).is_err());
    assert_eq!(kept_sizes(&path, &[3_000, 5_000, 7], &[], 0).unwrap(), []);
}

#[test]
fn a_footer_that_was_not_planned_from_is_refused() {
    let path = fixture("v1-zstd");
    for (first, rows) in [(0, vec![400, 201]), (0, vec![200, 400]), (1, vec![200, 0]), (7, vec![1]), (0, vec![400, 0])]
    {
        let Err(SourceError::File(error)) = verify(&path, first, &rows) else { panic!("{first} {rows:?}") };
        assert_eq!(error.code, Code::Data);
        assert!(error.message.contains("other row groups than were planned"), "{error}");
    }
    assert_eq!(verify(&path, 0, &[]).unwrap(), SourceReceipt::default());
}

#[test]
fn a_walk_stops_when_it_is_asked_to() {
    let (path, (rows, _)) = (fixture("v1-none"), layout(&fixture("v1-none")));
    let mut reads = 0;
    let stopped = verify_row_groups(&path, 0, &rows, || {
        reads += 1;
        if reads < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    assert!(matches!(stopped, Err(SourceError::Stopped)), "{stopped:?}");
    assert_eq!(reads, 3);
}

#[test]
#[cfg(unix)]
fn only_regular_files_are_read_and_no_pipe_is_waited_for() {
    let home = tempfile::tempdir().unwrap();
    let pipe = home.path().join("pipe");
    let name = std::ffi::CString::new(pipe.to_str().unwrap()).unwrap();
    // SAFETY: the path is a C string.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    let absent = home.path().join("absent");
    let refused = [
        (pipe.as_path(), Code::Data),
        (home.path(), Code::Data),
        (Path::new("/dev/null"), Code::Data),
        (&absent, Code::PathLost),
    ];
    for (path, code) in refused {
        let Err(SourceError::File(error)) = verify(path, 0, &[1]) else { panic!("{}", path.display()) };
        assert_eq!(error.code, code, "{error}");
        assert!(error.message.contains(path.to_str().unwrap()), "{error}");
    }
}

/// A Parquet file of one column whose pages are `pages` and whose footer says that they hold `values` values.
fn made(path: &Path, pages: &[u8], values: u8, footer: Option<&[u8]>) {
    let length = u8::try_from(pages.len()).unwrap();
    assert!(length < 128 && values < 64);
    let zigzag = |number: u8| if number < 64 { vec![number << 1] } else { vec![number << 1 | 0x80, number >> 6] };
    let own = [
        // FileMetaData { 4: row_groups [RowGroup { 1: columns [ColumnChunk { 3: ColumnMetaData {
        &[0x49, 0x1c, 0x19, 0x1c, 0x3c][..],
        // 3: path ["x"], 5: num_values, 7: total_compressed_size, 9: data_page_offset } } ],
        &[0x39, 0x18, 1, b'x', 0x26],
        &zigzag(values),
        &[0x26],
        &zigzag(length),
        &[0x26, 8, 0, 0],
        // 3: num_rows 1 } ] }
        &[0x26, 2, 0, 0],
    ]
    .concat();
    let footer = footer.unwrap_or(&own);
    let tail = u32::try_from(footer.len()).unwrap().to_le_bytes();
    std::fs::write(path, [b"PAR1", pages, footer, &tail, b"PAR1"].concat()).unwrap();
}

/// A data page of version 1 with one value: fields 1 type, 2 and 3 sizes, 5 its own header, whose field 1 is the count.
const PAGE: [u8; 11] = [0x15, 0, 0x15, 4, 0x15, 4, 0x2c, 0x15, 2, 0, 0];

#[test]
fn hostile_headers_are_refused_in_words() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("0");
    let check = |pages: &[u8], values: u8, expected: &str| {
        made(&path, pages, values, None);
        let said = match verify(&path, 0, &[1]) {
            Err(SourceError::Damage(damage)) => damage.to_string(),
            other => panic!("{pages:x?}: {other:?}"),
        };
        assert!(said.contains(expected) && said.starts_with("row group 0, column \"x\", page "), "{pages:x?}: {said}");
    };
    let whole = [&PAGE[..], b"ab"].concat();
    made(&path, &whole, 1, None);
    assert_eq!(verify(&path, 0, &[1]).unwrap().pages, 1, "what the cases below are made from is right");

    check(b"", 1, "ends before its last value");
    check(&whole, 2, "page 1 (at byte 17): it is missing");
    check(&[0], 1, "lacks what every header has");
    check(&[&[0x15][..], &[0xff; 40]].concat(), 1, "a number that never ends");
    check(&[0x15], 1, "ends in the middle of a value");
    // Lengths of 2^31, of 2^62 and below zero.
    let sized = |size: &[u8]| [&PAGE[..5], size, &PAGE[6..]].concat();
    check(&sized(&[0x80, 0x80, 0x80, 0x80, 0x10]), 1, "more bytes than its column has left");
    check(&sized(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40]), 1, "more bytes than its column has left");
    check(&sized(&[1]), 1, "a negative length or count");
    // An unknown field: a binary, a list and a map of 2^40, a list of lists without end, structs in structs.
    let huge = [0x80, 0x80, 0x80, 0x80, 0x80, 0x20];
    check(&[&[0xf8], &huge[..]].concat(), 1, "more bytes than there are");
    check(&[&[0xf9, 0xf3], &huge[..]].concat(), 1, "a list longer than itself");
    check(&[&[0xfb], &huge[..], &[0x33]].concat(), 1, "a map longer than itself");
    check(&[&[0xf9][..], &[0x19; 100]].concat(), 1, "nested too deeply");
    check(&[&[0xfc][..], &[0x1c; 100]].concat(), 1, "nested too deeply");
    check(&[0xfe], 1, "an unknown type");
    check(&[0x18, 0], 1, "a field of a wrong type");
    // A checksum of 40 bits.
    check(&[&PAGE[..6], &[0x16], &huge, &[0x1c, 0x15, 2, 0, 0], b"ab"].concat(), 1, "more than 32 bits");
}

#[test]
fn a_page_that_an_old_writer_counted_short_is_taken_unless_it_has_a_checksum() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("0");
    let page = |length: u8, checksum: &[u8]| [&PAGE[..5], &[length << 1], checksum, &PAGE[6..], b"ab"].concat();
    made(&path, &page(14, &[]), 1, None);
    assert_eq!(verify(&path, 0, &[1]).unwrap().pages, 1);
    // Field 4, and then field 5 one later.
    let mut checked = page(14, &[0x15, 2]);
    checked[8] = 0x1c;
    made(&path, &checked, 1, None);
    assert!(matches!(verify(&path, 0, &[1]), Err(SourceError::Damage(_))));
}

#[test]
fn hostile_footers_are_refused_in_words() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("0");
    let check = |footer: &[u8], expected: &str| {
        made(&path, &[&PAGE[..], b"ab"].concat(), 1, Some(footer));
        let Err(SourceError::File(error)) = verify(&path, 0, &[1]) else { panic!("{footer:x?}") };
        assert!(error.code == Code::Data && error.message.contains(expected), "{footer:x?}: {error}");
    };
    check(b"", "claims 0 bytes");
    check(&[0], "other row groups than were planned");
    check(&[0x49, 0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f], "a list longer than itself");
    check(&[0x49, 0x18, 0], "a field of a wrong type");
    check(&[0x49, 0x1c, 0x19, 0x1c, 0, 0], "does not say where a column lies");
    check(&[0x49, 0x1c, 0x19, 0x1c, 0x18, 1, b'f', 0, 0, 0], "in another file");
    // A column of 2^40 bytes; one that begins at byte 0; the same bytes twice.
    check(&[0x49, 0x1c, 0x19, 0x1c, 0x3c, 0x76, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 0x26, 8, 0, 0, 0, 0], "outside");
    check(&[0x49, 0x1c, 0x19, 0x1c, 0x3c, 0x76, 2, 0x26, 0, 0, 0, 0, 0], "outside");
    let column = [0x3c, 0x56, 2, 0x26, 26, 0x26, 8, 0, 0];
    check(&[&[0x49, 0x1c, 0x19, 0x2c][..], &column, &column, &[0x26, 2, 0, 0]].concat(), "overlap");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]
    #[test]
    fn flipped_bits_and_foreign_bytes_never_panic(
        flips in proptest::collection::vec((any::<proptest::sample::Index>(), 0_u8..8), 1..6),
        part in 0..3,
        noise in proptest::collection::vec(any::<u8>(), 0..64),
        name in 0..FIXTURES.len(),
    ) {
        thread_local! {
            static HOME: tempfile::TempDir = tempfile::tempdir().unwrap();
        }
        HOME.with(|home| {
            let path = home.path().join("0");
            let (rows, places) = layout(&fixture(FIXTURES[name]));
            let mut bytes = std::fs::read(fixture(FIXTURES[name])).unwrap();
            let pages_end = places.iter().map(|place| place.bytes.end).max().unwrap();
            // The whole file, its footer, or the first page headers of its columns.
            let candidates: Vec<usize> = match part {
                0 => (0..bytes.len()).collect(),
                1 => (pages_end..bytes.len()).collect(),
                _ => places.iter().flat_map(|place| place.bytes.clone().take(24)).collect(),
            };
            for (place, bit) in &flips {
                bytes[candidates[place.index(candidates.len())]] ^= 1 << bit;
            }
            if !noise.is_empty() {
                let at = candidates[flips[0].0.index(candidates.len())];
                let end = bytes.len().min(at + noise.len());
                bytes[at..end].copy_from_slice(&noise[..end - at]);
            }
            std::fs::write(&path, &bytes).unwrap();
            let _ = page_sizes(&path, 1, rows[1]);
            let columns: Vec<_> = places.iter().map(|place| place.column.split('.').next().unwrap().to_owned()).collect();
            let _ = kept_sizes(&path, &rows, &columns, 1 << 20);
            match verify(&path, 0, &rows) {
                Ok(receipt) => assert_eq!(receipt.row_groups.len(), rows.len()),
                Err(SourceError::Damage(damage)) => assert!(damage.row_group < 2 && damage.column.len() <= 256),
                Err(SourceError::File(error)) => assert_eq!(error.code, Code::Data, "{error}"),
                Err(SourceError::Stopped) => panic!("nobody asked"),
            }
        });
    }
}
