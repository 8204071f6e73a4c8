//! What a footer declares: where the file's row groups lie, what its columns are, and whether it can be true at all.
//!
//! DuckDB would tell the same through `parquet_metadata`, one row for each column of each row group, and takes seconds
//! for 3,000 columns of 163 row groups. Nothing is read but the bytes that are given, and what is allocated grows with
//! those and not with what they say.

use super::fault::Fault;
use super::form::{self, Elements, Formal};
use super::row_group::{FooterRowGroup, RowGroups, said};
use super::schema::{FooterColumn, Schema};
use super::thrift::Kind;
use crate::digest::hex;
use crate::error::Result as Outcome;
use batch_core_error::{Code, Error};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

const TAIL_BYTES: f64 = 8.0;
/// The key under which files with geometries say which columns those are: DuckDB makes other types of them.
const GEO_KEY: &[u8] = b"geo";

/// What a footer declares, checked against the size of its file. Counts are as JavaScript's numbers have them.
#[derive(Debug, Default)]
pub struct FooterFacts {
    /// The footer's digest, in hexadecimal, by which the file is known again.
    pub sha256: String,
    /// Rows of the file.
    pub rows: f64,
    /// Its row groups.
    pub row_groups: Vec<FooterRowGroup>,
    /// Where in the footer the schema lies: files that spell it alike have the same columns.
    pub schema: Range<usize>,
    /// The columns of the table.
    pub columns: Vec<FooterColumn>,
    /// Whether all columns are to DuckDB what is said here, under the same names. Else it has to be asked.
    pub plain: bool,
}

/// What the footer `bytes` of the file at `path` declare; `size` is the file's. `path` is for words alone.
///
/// # Errors
/// `SOURCE_INVALID` when the file is encrypted, or what the footer declares cannot be true.
pub fn footer_facts(bytes: &[u8], size: u64, path: &Path) -> Outcome<FooterFacts> {
    let invalid = |what: String, hint| {
        let message = format!("\"{}\" {what}", path.display());
        Error::new(Code::SourceInvalid, message).in_file(path).hinted(Some(hint))
    };
    let row_groups = RowGroups::new(size as f64 - TAIL_BYTES - bytes.len() as f64);
    let parsing =
        Parsing { footer: Formal::new(bytes), row_groups, facts: FooterFacts::default(), schema: Schema::default() };
    let facts = parsing.read().map_err(|refusal| match refusal {
        Refusal::Encrypted => invalid("is encrypted".to_owned(), "encrypted Parquet is not read; decrypt it first"),
        Refusal::Damaged(what) => invalid(format!("is damaged: its footer {what}"), "copy or write the file again"),
    })?;
    Ok(FooterFacts { sha256: hex(&Sha256::digest(bytes)), ..facts })
}

/// Why a footer is not taken.
enum Refusal {
    Encrypted,
    /// In words that follow "its footer ".
    Damaged(Cow<'static, str>),
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Malformed(what) => Self::Damaged(what),
            Fault::Source(_) => unreachable!("bytes in memory come from no file"),
        }
    }
}

struct Parsing<'a> {
    footer: Formal<'a>,
    row_groups: RowGroups<'a>,
    facts: FooterFacts,
    schema: Schema,
}

impl Parsing<'_> {
    #[expect(clippy::float_cmp, reason = "counts are whole numbers")]
    fn read(mut self) -> Result<FooterFacts, Refusal> {
        let mut file = Formal::element(&form::FILE);
        while let Some((id, kind)) = self.footer.next(&mut file)? {
            match id {
                2 => {
                    let start = self.footer.bytes.position();
                    self.schema = Schema::read(&mut self.footer, kind)?;
                    self.facts.schema = start..self.footer.bytes.position();
                }
                3 => self.facts.rows = form::double(self.footer.number(kind)?),
                4 => self.read_row_groups(kind)?,
                5 => self.read_key_values(kind)?,
                7 => self.footer.pass_list(kind, &Elements::Structures(&form::ORDER))?,
                8 => return Err(Refusal::Encrypted),
                _ => self.footer.skip(kind)?,
            }
        }
        let (rows, sum) = (self.facts.rows, self.facts.row_groups.iter().map(|group| group.rows).sum());
        if rows != sum {
            let what = format!("declares {} rows, but its row groups hold {}", said(rows), said(sum));
            return Err(Refusal::Damaged(what.into()));
        }
        let plain = !self.footer.odd && self.schema.is_plain();
        Ok(FooterFacts { plain, columns: self.schema.finish(), ..self.facts })
    }

    fn read_row_groups(&mut self, kind: Kind) -> Result<(), Fault> {
        for index in 0..self.footer.structures(kind)? {
            let group = self.row_groups.read(&mut self.footer, &mut self.schema.leaves, index)?;
            self.facts.row_groups.push(group);
        }
        Ok(())
    }

    fn read_key_values(&mut self, kind: Kind) -> Result<(), Fault> {
        if kind != Kind::LIST {
            return self.footer.skip(kind);
        }
        for _ in 0..self.footer.structures(kind)? {
            let mut pair = Formal::element(&form::KEY_VALUE);
            while let Some((id, kind)) = self.footer.next(&mut pair)? {
                match id {
                    1 if kind == Kind::BINARY => {
                        let key = self.footer.text(kind)?;
                        self.footer.odd |= key == GEO_KEY;
                    }
                    _ => self.footer.skip(kind)?,
                }
            }
        }
        Ok(())
    }
}
