//! A column chunk in memory: pages with their headers, and what the footer says of them.

use super::codec::Codec;
use super::spare;
use crate::sink::Sink;
use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::page_index::offset_index::{OffsetIndexMetaData, PageLocation};
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, SerializedRowGroupWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

/// More than the header of a page takes.
const HEADER_BYTES: usize = 64;

/// The pages of one column of one row group. Used again for the next, so that its buffers are grown once.
pub(super) struct Pages {
    column: ColumnDescPtr,
    encoding: Encoding,
    codec: parquet::basic::Compression,
    data: Vec<u8>,
    dictionary: Vec<u8>,
    packed: Vec<u8>,
    locations: Vec<PageLocation>,
    uncompressed: usize,
    values: usize,
    rows: usize,
}

impl Drop for Pages {
    fn drop(&mut self) {
        spare::give(std::mem::take(&mut self.packed));
        spare::give(std::mem::take(&mut self.data));
    }
}

impl Pages {
    pub(super) fn new(column: &ColumnDescPtr, encoding: Encoding) -> Self {
        let codec = parquet::basic::Compression::UNCOMPRESSED;
        let (dictionary, packed, locations) = (Vec::new(), Vec::new(), Vec::new());
        let (column, data) = (column.clone(), Vec::new());
        Self { column, encoding, codec, data, dictionary, packed, locations, uncompressed: 0, values: 0, rows: 0 }
    }

    /// Appends a page: `page` is its levels and values, `values` counts nulls too.
    pub(super) fn push(&mut self, codec: &mut Codec, page: &[u8], values: usize, rows: usize) -> Result<()> {
        codec.compress(page, &mut self.packed)?;
        self.codec = codec.name();
        let buf = Bytes::from(std::mem::take(&mut self.packed));
        let data_page = Page::DataPage {
            buf: buf.clone(),
            num_values: u32::try_from(values)?,
            encoding: self.encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let offset = self.data.len();
        spare::reserve(&mut self.data, buf.len() + HEADER_BYTES);
        let mut data = TrackedWrite::new(&mut self.data);
        let spec = SerializedPageWriter::new(&mut data).write_page(CompressedPage::new(data_page, page.len()))?;
        data.into_inner()?;
        self.packed = buf.into(); // the page is gone, so this is the buffer itself, not a copy
        self.locations.push(PageLocation {
            offset: i64::try_from(offset)?,
            compressed_page_size: i32::try_from(spec.compressed_size)?,
            first_row_index: i64::try_from(self.rows)?,
        });
        self.uncompressed += spec.uncompressed_size;
        self.values += values;
        self.rows += rows;
        Ok(())
    }

    /// Sets the dictionary, which may be known only after the pages that use it but lies before them.
    pub(super) fn set_dictionary(&mut self, codec: &mut Codec, page: &[u8], values: usize) -> Result<()> {
        codec.compress(page, &mut self.packed)?;
        let buf = Bytes::copy_from_slice(&self.packed);
        let num_values = u32::try_from(values)?;
        let dictionary = Page::DictionaryPage { buf, num_values, encoding: Encoding::PLAIN, is_sorted: false };
        let mut out = TrackedWrite::new(Vec::new());
        let spec = SerializedPageWriter::new(&mut out).write_page(CompressedPage::new(dictionary, page.len()))?;
        self.dictionary = out.into_inner()?;
        self.uncompressed += spec.uncompressed_size;
        Ok(())
    }

    /// Appends the chunk to the row group and begins the next one.
    pub(super) fn end_row_group(
        &mut self,
        group: &mut SerializedRowGroupWriter<'_, Sink>,
        statistics: Statistics,
    ) -> Result<()> {
        let data = std::mem::take(&mut self.data);
        let shift = self.dictionary.len();
        let has_dictionary = shift > 0;
        let chunk = if has_dictionary { [std::mem::take(&mut self.dictionary), data].concat() } else { data };
        let offset = i64::try_from(shift)?;
        for location in &mut self.locations {
            location.offset += offset;
        }
        let (bytes, uncompressed) = (chunk.len(), i64::try_from(self.uncompressed)?);
        let mut encodings = vec![Encoding::RLE, self.encoding];
        encodings.extend(has_dictionary.then_some(Encoding::PLAIN));
        let metadata = ColumnChunkMetaData::builder(self.column.clone())
            .set_compression(self.codec)
            .set_encodings(encodings)
            .set_total_compressed_size(i64::try_from(bytes)?)
            .set_total_uncompressed_size(uncompressed)
            .set_num_values(i64::try_from(self.values)?)
            .set_data_page_offset(offset)
            .set_dictionary_page_offset(has_dictionary.then_some(0))
            .set_statistics(statistics)
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: bytes as u64,
            rows_written: self.rows as u64,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: Some(OffsetIndexMetaData {
                page_locations: std::mem::take(&mut self.locations),
                unencoded_byte_array_data_bytes: None,
            }),
        };
        let chunk = Bytes::from(chunk);
        group.append_column(&chunk, close)?;
        let mut buffer: Vec<u8> = chunk.into();
        buffer.clear();
        self.data = buffer;
        (self.uncompressed, self.values, self.rows) = (0, 0, 0);
        Ok(())
    }
}
