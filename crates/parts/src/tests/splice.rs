//! Staging makes the file that the library's own writer makes of the same parts, byte for byte.

use super::{batch, stage, stored, write_part};
use crate::layout::{CREATED_BY, key_values};
use crate::{Disk, read_metadata, row_group_checksums};
use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_select::concat::concat_batches;
use parquet::arrow::ARROW_SCHEMA_META_KEY;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::column::writer::ColumnCloseResult;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaDataReader};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use proptest::prelude::*;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The parts joined by the library alone, which holds all of every footer until the end. Columns of which the bit in `lacks`
/// is set get no offset index.
fn joined(parts: &[PathBuf], pairs: &[(String, String)], lacks: u32) -> Vec<u8> {
    let read = |path: &PathBuf| {
        let file = File::open(path).unwrap();
        let reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Optional);
        (reader.parse_and_finish(&file).unwrap(), file)
    };
    let (first, _) = read(&parts[0]);
    let schema = first.file_metadata().schema_descr().root_schema_ptr();
    let properties = WriterProperties::builder().set_created_by(CREATED_BY.into()).build();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    let arrow = first.file_metadata().key_value_metadata().into_iter().flatten();
    let arrow = arrow.filter(|pair| pair.key == ARROW_SCHEMA_META_KEY).cloned();
    arrow.chain(key_values(pairs)).for_each(|pair| writer.append_key_value_metadata(pair));
    for (metadata, file) in parts.iter().map(read) {
        let pages = metadata.page_index();
        for (index, group) in metadata.row_groups().iter().enumerate() {
            let mut out = writer.next_row_group().unwrap();
            for (place, column) in group.columns().iter().enumerate() {
                let close = ColumnCloseResult {
                    bytes_written: column.compressed_size().cast_unsigned(),
                    rows_written: group.num_rows().cast_unsigned(),
                    metadata: column.clone(),
                    bloom_filter: None,
                    column_index: pages.and_then(|pages| pages.column_index(index, place)).cloned(),
                    offset_index: pages
                        .and_then(|pages| pages.offset_index(index, place))
                        .filter(|_| lacks >> place & 1 == 0)
                        .cloned(),
                };
                out.append_column(&file, close).unwrap();
            }
            out.close().unwrap();
        }
    }
    writer.into_inner().unwrap()
}

/// Stages `parts` as `home/out.tmp`, compares that with what the library makes of them, and gives the number of row groups.
fn check(home: &Path, parts: &[PathBuf], pairs: &[(&str, &str)]) -> usize {
    let pairs: Vec<_> = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let out = home.join("out.tmp");
    let staged = stage(&Disk::shared(), &stored(parts), &out, &pairs).unwrap();
    let (found, expected) = (std::fs::read(&out).unwrap(), joined(parts, &pairs, 0));
    let differs = found.iter().zip(&expected).position(|(found, expected)| found != expected);
    assert!(found == expected, "{} and {} bytes, other from {differs:?} on", found.len(), expected.len());
    let metadata = read_metadata(&out).unwrap();
    assert_eq!((metadata.rows, metadata.bytes), (staged.receipt.rows, staged.receipt.bytes));
    assert_eq!(staged.row_groups, row_group_checksums(&out).unwrap());
    staged.row_groups.len()
}

/// How a part is written by the library, as parts of other versions or settings may be.
#[derive(Clone, Debug)]
struct Form {
    rows: i64,
    row_group_rows: usize,
    page_rows: usize,
    /// Columns with column indexes, with dictionaries and without offset indexes: those of which the bit is set.
    indexed: u8,
    dictionaries: u8,
    lacks_offset_indexes: u32,
    filtered: bool,
    packed: bool,
}

impl Form {
    fn properties(&self) -> WriterProperties {
        let codec = if self.packed { Compression::ZSTD(ZstdLevel::default()) } else { Compression::UNCOMPRESSED };
        let builder = WriterProperties::builder()
            .set_compression(codec)
            .set_max_row_group_row_count(Some(self.row_group_rows))
            .set_data_page_row_count_limit(self.page_rows)
            .set_write_batch_size(self.page_rows)
            .set_statistics_enabled(EnabledStatistics::None)
            .set_bloom_filter_enabled(self.filtered);
        let paths = [vec!["row"], vec!["name"], vec!["score"], vec!["reasons", "list", "item", "column"]];
        let paths = paths.into_iter().map(|path| ColumnPath::new(path.into_iter().map(String::from).collect()));
        let builder = paths.enumerate().fold(builder, |builder, (place, path)| {
            let levels = [EnabledStatistics::Chunk, EnabledStatistics::Page];
            builder
                .set_column_statistics_enabled(path.clone(), levels[usize::from(self.indexed >> place & 1)])
                .set_column_dictionary_enabled(path, self.dictionaries >> place & 1 == 1)
        });
        builder.build()
    }

    fn write(&self, path: &Path, first: i64) {
        let rows = batch(first, self.rows);
        let mut writer =
            ArrowWriter::try_new(File::create(path).unwrap(), rows.schema(), Some(self.properties())).unwrap();
        writer.write(&rows).unwrap();
        writer.close().unwrap();
        if self.lacks_offset_indexes > 0 {
            std::fs::write(path, joined(&[path.into()], &[], self.lacks_offset_indexes)).unwrap();
        }
    }
}

fn form() -> impl Strategy<Value = Form> {
    let sizes = (0_i64..120, 10_usize..60, 1_usize..30);
    let columns = (0_u8..16, 0_u8..16, prop_oneof![Just(0), 0_u32..1024]);
    (sizes, columns, any::<[bool; 2]>()).prop_map(|(sizes, columns, [filtered, packed])| {
        let ((rows, row_group_rows, page_rows), (indexed, dictionaries, lacks_offset_indexes)) = (sizes, columns);
        Form { rows, row_group_rows, page_rows, indexed, dictionaries, lacks_offset_indexes, filtered, packed }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn parts_of_every_form_are_joined_as_the_library_joins_them(forms in prop::collection::vec(form(), 1..5)) {
        let home = tempfile::tempdir().unwrap();
        let mut first = 0;
        let mut parts = Vec::new();
        for (place, form) in forms.iter().enumerate() {
            parts.push(home.path().join(place.to_string()));
            form.write(&parts[place], first);
            first += form.rows;
        }
        check(home.path(), &parts, &[("job", "j1")]);
    }
}

#[test]
fn parts_of_ours_are_joined_as_the_library_joins_them() {
    let home = tempfile::tempdir().unwrap();
    let parts =
        [("0", 0, 2_500), ("1", 2_500, 0), ("2", 2_500, 1), ("3", 2_501, 12_000)].map(|(name, first, count)| {
            write_part(&Disk::shared(), home.path(), name, first, count).unwrap();
            home.path().join(name)
        });
    assert_eq!(check(home.path(), &parts, &[("job", "j1"), ("fingerprint", "f1")]), 16);
    std::fs::remove_file(home.path().join("out.tmp")).unwrap();
    assert_eq!(check(home.path(), &parts[1..2], &[]), 0, "no row group at all");
}

/// An ordinal is 16 bits wide: with more row groups none has one, and a reader counts.
#[test]
fn more_row_groups_than_ordinals_are_joined_and_read_again() {
    let home = tempfile::tempdir().unwrap();
    let rows = |first: i64, count: i64| {
        let rows: ArrayRef = Arc::new(Int64Array::from_iter_values(first..first + count));
        RecordBatch::try_from_iter([("row", rows)]).unwrap()
    };
    let all = i64::from(i16::MAX) + 1;
    let last = all - 1;
    let parts = [(0, 10_000), (10_000, last - 10_000), (last, 1)].map(|(first, count)| {
        let path = home.path().join(first.to_string());
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(1)).build();
        let rows = rows(first, count);
        let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), rows.schema(), Some(properties)).unwrap();
        writer.write(&rows).unwrap();
        writer.close().unwrap();
        path
    });
    let out = home.path().join("out.tmp");
    for (parts, count) in [(&parts[..2], last), (&parts[..], all)] {
        assert_eq!(i64::try_from(check(home.path(), parts, &[])).unwrap(), count);
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&out).unwrap()).unwrap();
        let ordinals = reader.metadata().row_groups().iter().map(|group| group.ordinal().map(i64::from));
        assert!(ordinals.eq((0..count).map(Some)));
        let read: Vec<_> = reader.with_batch_size(1 << 16).build().unwrap().map(Result::unwrap).collect();
        let expected = rows(0, count);
        assert_eq!(concat_batches(&expected.schema(), &read).unwrap(), expected);
        std::fs::remove_file(&out).unwrap();
    }
}
