//! Values that repeat: the names of the columns, over and over, and what is usual in them.

use super::codec::Codec;
use super::levels::Hybrid;
use super::pages::Pages;
use super::statistics::{Doubles, of_texts};
use crate::sink::Sink;
use parquet::errors::Result;
use parquet::file::statistics::Statistics;
use parquet::file::writer::SerializedRowGroupWriter;
use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// A value as it stands in a dictionary.
pub(super) trait Entry: Clone + Eq + Hash {
    /// Appends it, as Parquet writes a plain value.
    fn write(&self, page: &mut Vec<u8>) -> Result<()>;

    /// What the footer says of a column of these values, each there once at least.
    fn statistics(entries: &[Self], nulls: u64) -> Statistics;
}

impl Entry for String {
    fn write(&self, page: &mut Vec<u8>) -> Result<()> {
        page.extend_from_slice(&u32::try_from(self.len())?.to_le_bytes());
        page.extend_from_slice(self.as_bytes());
        Ok(())
    }

    fn statistics(entries: &[Self], nulls: u64) -> Statistics {
        of_texts(entries.iter().map(String::as_str), nulls)
    }
}

/// The bits of a double.
impl Entry for u64 {
    fn write(&self, page: &mut Vec<u8>) -> Result<()> {
        page.extend_from_slice(&self.to_le_bytes());
        Ok(())
    }

    fn statistics(entries: &[Self], nulls: u64) -> Statistics {
        let mut doubles = Doubles::default();
        doubles.observe(&entries.iter().map(|bits| f64::from_bits(*bits)).collect::<Vec<_>>());
        doubles.finish(nulls)
    }
}

/// The values of a row group in order of appearance, and the page's references to them.
pub(super) struct Dictionary<V> {
    order: Vec<V>,
    places: HashMap<V, u32>,
    indices: Vec<u32>,
}

impl<V> Default for Dictionary<V> {
    fn default() -> Self {
        Self { order: Vec::new(), places: HashMap::new(), indices: Vec::new() }
    }
}

impl<V: Entry> Dictionary<V> {
    /// Appends a value to the page.
    pub(super) fn push<Q>(&mut self, value: &Q)
    where
        V: Borrow<Q>,
        Q: ToOwned<Owned = V> + Eq + Hash + ?Sized,
    {
        let place = self.places.get(value).copied().unwrap_or_else(|| {
            let place = u32::try_from(self.order.len()).unwrap_or(u32::MAX);
            self.order.push(value.to_owned());
            self.places.insert(value.to_owned(), place);
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

    /// Ends the row group, whose values the next one forgets.
    pub(super) fn end_row_group(
        &mut self,
        pages: &mut Pages,
        group: &mut SerializedRowGroupWriter<'_, Sink>,
        codec: &mut Codec,
        nulls: u64,
    ) -> Result<()> {
        let mut page = Vec::new();
        self.order.iter().try_for_each(|value| value.write(&mut page))?;
        // Written even when empty: readers look for it wherever a page refers to one.
        pages.set_dictionary(codec, &page, self.order.len())?;
        pages.end_row_group(group, V::statistics(&self.order, nulls))?;
        self.order.clear();
        self.places.clear();
        Ok(())
    }
}
