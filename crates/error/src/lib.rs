//! The one error of the Rust half. It crosses to JavaScript as one record, thrown or told, which is the record of
//! `src/errors.ts` to the letter.

mod code;

pub use code::Code;

use serde::{Serialize, Serializer};
use std::fmt;
use std::path::Path;

/// What another error says.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What went wrong. `code` decides what is done about it; the rest is for people.
#[derive(Debug, Serialize)]
pub struct Error {
    /// What it is.
    pub code: Code,
    /// What happened and where, in a sentence that is complete without the rest.
    pub message: String,
    /// Where the trouble lies.
    #[serde(rename = "where", skip_serializing_if = "Place::is_nowhere")]
    pub place: Place,
    /// What to do about it, where the code alone does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<&'static str>,
    /// What the operating system or a library said.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "words")]
    pub cause: Option<Cause>,
}

/// A file, and inside it a column or a row group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The file or directory.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "shown")]
    pub file: Option<Box<Path>>,
    /// The column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The row group of the file, where one is known to be at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row_group: Option<u64>,
}

impl Error {
    /// An error without a place.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), place: Place::default(), hint: None, cause: None }
    }

    /// A file's content is not what it should be.
    #[must_use]
    pub fn data(message: impl Into<String>) -> Self {
        Self::new(Code::Data, message)
    }

    /// What was asked for does not fit the file or the machine.
    #[must_use]
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(Code::Config, message)
    }

    /// A mistake of our own.
    #[must_use]
    pub fn bug(message: impl Into<String>) -> Self {
        Self::new(Code::Bug, message)
    }

    /// The same, about a file or directory.
    #[must_use]
    pub fn in_file(mut self, file: &Path) -> Self {
        self.place.file = Some(file.into());
        self
    }

    /// The same, about a column.
    #[must_use]
    pub fn in_column(mut self, column: &str) -> Self {
        self.place.column = Some(column.to_owned());
        self
    }

    /// The same, about a column that the message does not name yet.
    #[must_use]
    pub fn of_column(mut self, column: &str) -> Self {
        self.message = format!("column \"{column}\": {}", self.message);
        self.in_column(column)
    }

    /// The same, about a row group.
    #[must_use]
    pub fn in_row_group(mut self, row_group: u64) -> Self {
        self.place.row_group = Some(row_group);
        self
    }

    /// The same, with what to do.
    #[must_use]
    pub fn hinted(mut self, hint: Option<&'static str>) -> Self {
        self.hint = hint;
        self
    }

    /// The same, with what another error said.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Cause>) -> Self {
        self.cause = Some(cause.into());
        self
    }
}

impl Place {
    fn is_nowhere(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|cause| &**cause as _)
    }
}

#[expect(clippy::ref_option, reason = "serde calls it so")]
fn words<S: Serializer>(cause: &Option<Cause>, serializer: S) -> Result<S::Ok, S::Error> {
    cause.as_ref().map(ToString::to_string).serialize(serializer)
}

/// A path as it is shown: JSON holds no other bytes than text.
#[expect(clippy::ref_option, reason = "serde calls it so")]
fn shown<S: Serializer>(file: &Option<Box<Path>>, serializer: S) -> Result<S::Ok, S::Error> {
    file.as_ref().map(|file| file.to_string_lossy()).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn the_record_is_that_of_the_control_plane() {
        let bare = serde_json::to_value(Error::bug("never")).unwrap();
        assert_eq!(bare, serde_json::json!({ "code": "BUG", "message": "never" }));
        let error = Error::new(Code::SourceDamaged, "a page is damaged")
            .in_file(Path::new("a.parquet"))
            .in_column("x")
            .in_row_group(3)
            .hinted(Some("write it again"))
            .because(io::Error::other("checksum"));
        assert_eq!(
            serde_json::to_value(error).unwrap(),
            serde_json::json!({
                "code": "SOURCE_DAMAGED",
                "message": "a page is damaged",
                "where": { "file": "a.parquet", "column": "x", "rowGroup": 3 },
                "hint": "write it again",
                "cause": "checksum",
            })
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_path_that_is_no_text_is_shown_all_the_same() {
        use std::os::unix::ffi::OsStrExt;
        let path = Path::new(std::ffi::OsStr::from_bytes(b"a\xff"));
        let record = serde_json::to_value(Error::data("odd").in_file(path)).unwrap();
        assert_eq!(record["where"]["file"], "a\u{fffd}");
    }

    #[test]
    fn the_cause_can_be_asked() {
        let error = Error::data("odd").because(io::Error::from(io::ErrorKind::NotFound));
        let source = std::error::Error::source(&error).unwrap().downcast_ref::<io::Error>().unwrap();
        assert_eq!(source.kind(), io::ErrorKind::NotFound);
    }
}
