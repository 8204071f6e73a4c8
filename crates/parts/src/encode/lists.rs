//! The levels of a list of structs, made as runs and shared by its fields.
//!
//! Parquet spells a list as two small numbers for each entry, and for each row without any: the definition level says
//! how much of the path is there, the repetition level whether the entry goes on with the row before. A stretch of null
//! rows is one run of each, however long. All fields of the struct have the same repetition levels, and the same
//! definition levels but where one of them is null by itself.

use super::levels::Hybrid;
use arrow_buffer::NullBuffer;
use std::ops::Range;

/// Levels of the page for every field.
pub(super) struct Lists {
    repetitions: Hybrid,
    /// For fields that cannot be null and for those that can: the latter have one level more.
    shared: [Hybrid; 2],
    fields: Vec<Field>,
    /// The definition level of an empty list; one less is a null list.
    empty: u64,
    /// The definition level of an entry that is there; one less is a null entry, where the schema allows one.
    entry: u64,
    /// Levels so far: entries, and rows without any.
    len: usize,
}

struct Field {
    nullable: bool,
    /// Levels that have left the common ones in this page, because the field was null.
    own: Option<Hybrid>,
    nulls: u64,
}

impl Lists {
    /// For a list and entries of this nullability, and fields of those.
    pub(super) fn new(list_nullable: bool, entry_nullable: bool, fields: impl IntoIterator<Item = bool>) -> Self {
        let empty = u64::from(list_nullable);
        let entry = empty + 1 + u64::from(entry_nullable);
        let fields = fields.into_iter().map(|nullable| Field { nullable, own: None, nulls: 0 }).collect();
        let shared = [Hybrid::new(entry), Hybrid::new(entry + 1)];
        Self { repetitions: Hybrid::new(1), shared, fields, empty, entry, len: 0 }
    }

    fn define(&mut self, level: u64, count: usize) {
        for hybrid in self.shared.iter_mut().chain(self.fields.iter_mut().filter_map(|field| field.own.as_mut())) {
            hybrid.push(level, count);
        }
    }

    fn push_absent(&mut self, level: u64, rows: usize) {
        self.repetitions.push(0, rows);
        self.define(level, rows);
        self.fields.iter_mut().for_each(|field| field.nulls += rows as u64);
        self.len += rows;
    }

    /// Appends rows whose list is null.
    pub(super) fn push_null(&mut self, rows: usize) {
        self.push_absent(self.empty.saturating_sub(1), rows);
    }

    /// Appends rows whose list is empty.
    pub(super) fn push_empty(&mut self, rows: usize) {
        self.push_absent(self.empty, rows);
    }

    /// Appends a row of `entries`; `nulls` are those of the entries and of each field, `None` where there are none.
    pub(super) fn push_row(
        &mut self,
        entries: Range<usize>,
        null_entries: Option<&NullBuffer>,
        null_fields: &[Option<&NullBuffer>],
    ) {
        self.repetitions.push(0, 1);
        self.repetitions.push(1, entries.len() - 1);
        self.len += entries.len();
        for (field, nulls) in self.fields.iter_mut().zip(null_fields) {
            let leaves = field.own.is_none() && nulls.is_some_and(|nulls| entries.clone().any(|at| nulls.is_null(at)));
            if leaves {
                field.own = Some(self.shared[1].clone());
            }
        }
        let Some(null_entries) = null_entries else {
            self.push_entries(entries, null_fields);
            return;
        };
        for at in entries {
            if null_entries.is_null(at) {
                self.define(self.entry - 1, 1);
                self.fields.iter_mut().for_each(|field| field.nulls += 1);
            } else {
                self.push_entries(at..at + 1, null_fields);
            }
        }
    }

    fn push_entries(&mut self, entries: Range<usize>, null_fields: &[Option<&NullBuffer>]) {
        for (hybrid, level) in self.shared.iter_mut().zip(self.entry..) {
            hybrid.push(level, entries.len());
        }
        for (field, nulls) in self.fields.iter_mut().zip(null_fields) {
            let Some(own) = &mut field.own else { continue };
            for at in entries.clone() {
                let null = nulls.is_some_and(|nulls| nulls.is_null(at));
                own.push(self.entry + u64::from(!null), 1);
                field.nulls += u64::from(null);
            }
        }
    }

    /// Levels in the page so far.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Ends the page: sets `pages` to the beginning of each field's page.
    pub(super) fn end_page(&mut self, pages: &mut [Vec<u8>]) {
        let [mut repetitions, mut required, mut optional] = [const { Vec::new() }; 3];
        self.repetitions.finish_levels(&mut repetitions);
        for (hybrid, levels) in self.shared.iter_mut().zip([&mut required, &mut optional]) {
            hybrid.finish_levels(levels);
        }
        for (field, page) in self.fields.iter_mut().zip(pages) {
            page.clear();
            page.extend_from_slice(&repetitions);
            match field.own.take() {
                Some(mut own) => own.finish_levels(page),
                None => page.extend_from_slice(if field.nullable { &optional } else { &required }),
            }
        }
        self.len = 0;
    }

    /// The nulls of a field since this was last asked: of itself, its entry or its list.
    pub(super) fn take_nulls(&mut self, field: usize) -> u64 {
        self.fields.get_mut(field).map_or(0, |field| std::mem::take(&mut field.nulls))
    }
}
