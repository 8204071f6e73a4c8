//! The compression of pages, with one context for a whole part.

use super::spare;
use crate::layout::Compression;
use parquet::basic::{Compression as Name, ZstdLevel};
use parquet::errors::{ParquetError, Result};
use zstd::bulk::Compressor;
use zstd::zstd_safe::compress_bound;

/// A codec and what it keeps from page to page.
pub(crate) enum Codec {
    Zstd(Compressor<'static>, ZstdLevel),
    Snappy(Box<snap::raw::Encoder>),
    None,
}

impl Codec {
    pub(crate) fn new(compression: Compression) -> Result<Self> {
        Ok(match compression {
            Compression::Zstd(level) => {
                let level = ZstdLevel::try_new(level)?;
                Self::Zstd(Compressor::new(level.compression_level())?, level)
            }
            Compression::Snappy => Self::Snappy(Box::new(snap::raw::Encoder::new())),
            Compression::None => Self::None,
        })
    }

    /// The codec as the footer names it.
    pub(crate) fn name(&self) -> Name {
        match self {
            Self::Zstd(_, level) => Name::ZSTD(*level),
            Self::Snappy(_) => Name::SNAPPY,
            Self::None => Name::UNCOMPRESSED,
        }
    }

    /// Replaces `packed` by the compressed bytes of `page`.
    pub(crate) fn compress(&mut self, page: &[u8], packed: &mut Vec<u8>) -> Result<()> {
        packed.clear();
        match self {
            Self::Zstd(compressor, _) => {
                spare::reserve(packed, compress_bound(page.len()));
                compressor.compress_to_buffer(page, packed)?;
            }
            Self::Snappy(encoder) => {
                packed.resize(snap::raw::max_compress_len(page.len()), 0);
                let length = encoder.compress(page, packed).map_err(|e| ParquetError::External(e.into()))?;
                packed.truncate(length);
            }
            Self::None => packed.extend_from_slice(page),
        }
        Ok(())
    }
}
