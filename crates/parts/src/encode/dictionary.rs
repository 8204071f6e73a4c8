//! Texts that repeat: the names of the columns, over and over.

use super::codec::Codec;
use super::levels::Hybrid;
use super::pages::Pages;
use super::statistics::of_texts;
use crate::sink::Sink;
use parquet::errors::Result;
use parquet::file::writer::SerializedRowGroupWriter;
use std::collections::HashMap;

/// The texts of a row group in order of appearance, and the page's references to them.
#[derive(Default)]
pub(super) struct Dictionary {
    order: Vec<String>,
    places: HashMap<String, u32>,
    indices: Vec<u32>,
}

impl Dictionary {
    /// Appends a value to the page.
    pub(super) fn push(&mut self, text: &str) {
        let place = self.places.get(text).copied().unwrap_or_else(|| {
            let place = u32::try_from(self.order.len()).unwrap_or(u32::MAX);
            self.order.push(text.into());
            self.places.insert(text.into(), place);
            place
        });
        self.indices.push(place);
    }

    /// The values of the page: how many bits an index has, then the indices.
    pub(super) fn end_page(&mut self, page: &mut Vec<u8>) {
        let mut hybrid = Hybrid::new((self.order.len() as u64).saturating_sub(1));
        for index in self.indices.drain(..) {
            hybrid.push(u64::from(index), 1);
        }
        page.push(hybrid.width());
        hybrid.finish(page);
    }

    /// Ends the row group, whose texts the next one forgets.
    pub(super) fn end_row_group(
        &mut self,
        pages: &mut Pages,
        group: &mut SerializedRowGroupWriter<'_, Sink>,
        codec: &mut Codec,
        nulls: u64,
    ) -> Result<()> {
        let mut page = Vec::new();
        for text in &self.order {
            page.extend_from_slice(&u32::try_from(text.len())?.to_le_bytes());
            page.extend_from_slice(text.as_bytes());
        }
        // Written even when empty: readers look for it wherever a page refers to one.
        pages.set_dictionary(codec, &page, self.order.len())?;
        pages.end_row_group(group, of_texts(self.order.iter().map(String::as_str), nulls))?;
        self.order.clear();
        self.places.clear();
        Ok(())
    }
}
