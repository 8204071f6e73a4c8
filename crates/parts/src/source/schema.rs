//! The schema of a footer: its leaves, in the order of the chunks of a row group, and the columns of the table.

use super::element::Element;
use super::extent::{Builder, Extent};
use super::fault::Fault;
use super::form::Formal;
use super::thrift::Kind;
use super::types::{self, MisreadDecimal};
use std::borrow::Cow;
use std::collections::HashSet;

/// A leaf of the schema.
pub(super) struct Leaf {
    /// Place of the column that it is or is part of.
    pub(super) column: usize,
    /// Whether it holds exactly one value (or null) a row.
    pub(super) flat: bool,
    /// Where it is a column and its cells can be numbers.
    pub(super) extent: Option<Box<Builder>>,
}

/// A column of the table.
#[derive(Debug)]
pub struct FooterColumn {
    /// Its name in the file.
    pub name: String,
    /// Its DuckDB type, where that is plain.
    pub kind: Option<Cow<'static, str>>,
    /// What the statistics claim of it, where they do.
    pub extent: Option<Box<Extent>>,
    /// The decimal that it is or holds, and that DuckDB misreads.
    pub misread: Option<Box<MisreadDecimal>>,
    /// Nanoseconds with a time zone, which DuckDB reads in microseconds.
    pub coarse: bool,
}

#[derive(Default)]
pub(super) struct Schema {
    pub(super) columns: Vec<FooterColumn>,
    pub(super) leaves: Vec<Leaf>,
}

/// A group on the way to the element at hand: its children that are still to come, and whether all to here are flat.
struct Group {
    left: i64,
    flat: bool,
}

const NO_TREE: Fault = Fault::malformed("holds a schema that is no tree");

impl Schema {
    /// Reads the list of elements, a tree that is written depth first.
    pub(super) fn read(footer: &mut Formal<'_>, kind: Kind) -> Result<Self, Fault> {
        let mut schema = Self::default();
        let mut path: Vec<Group> = Vec::new();
        for place in 0..footer.structures(kind)? {
            let element = Element::read(footer)?;
            schema.add(&element, place == 0, &mut path)?;
            while path.last().is_some_and(|group| group.left == 0) {
                path.pop();
            }
        }
        if path.is_empty() { Ok(schema) } else { Err(NO_TREE) }
    }

    fn add(&mut self, element: &Element<'_>, root: bool, path: &mut Vec<Group>) -> Result<(), Fault> {
        let depth = path.len();
        let flat = match path.last_mut() {
            Some(parent) => {
                parent.left -= 1;
                parent.flat && !element.is_repeated()
            }
            None if root => !element.is_repeated(),
            None => return Err(NO_TREE),
        };
        if depth == 1 {
            self.begin_column(element, flat);
        }
        if element.children > 0 {
            path.push(Group { left: element.children, flat });
        } else if !root {
            self.add_leaf(element, depth == 1, flat);
        }
        Ok(())
    }

    fn begin_column(&mut self, element: &Element<'_>, flat: bool) {
        let name = String::from_utf8_lossy(element.name).into_owned();
        // DuckDB needs a name for each, and what it makes of other bytes than text is its own.
        let known = name.as_bytes() == element.name && !name.is_empty() && !name.contains('\0');
        let simple = flat && element.children == 0 && matches!(element.repetition, Some(0 | 1));
        let kind = (known && simple).then(|| types::plain(element)).flatten().map(|plain| plain.name);
        self.columns.push(FooterColumn { name, kind, extent: None, misread: None, coarse: false });
    }

    fn add_leaf(&mut self, element: &Element<'_>, top: bool, flat: bool) {
        let Some(place) = self.columns.len().checked_sub(1) else { return };
        let column = &mut self.columns[place];
        column.coarse |= element.is_coarse();
        if let Some(misread) = types::misread(element, top) {
            column.misread = Some(Box::new(misread));
        }
        let cells = if top && flat { types::plain(element).and_then(|plain| plain.cells) } else { None };
        self.leaves.push(Leaf { column: place, flat, extent: cells.map(|cells| Box::new(Builder::new(cells))) });
    }

    /// Whether DuckDB makes of each column what is said, and calls it as the file does: it tells names apart without
    /// regard to case.
    pub(super) fn is_plain(&self) -> bool {
        let mut names = HashSet::new();
        let mut plain = self.columns.iter().map(|it| it.kind.is_some() && names.insert(it.name.to_lowercase()));
        !self.columns.is_empty() && plain.all(|plain| plain)
    }

    /// The columns, each with what was claimed of it.
    pub(super) fn finish(self) -> Vec<FooterColumn> {
        let Self { mut columns, leaves } = self;
        for Leaf { column, extent, .. } in leaves {
            if let Some(builder) = extent {
                columns[column].extent = builder.extent();
            }
        }
        columns
    }
}
