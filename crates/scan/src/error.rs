//! What can go wrong in a scan, as a closed set of codes.
//!
//! DuckDB reports an error type only on a result; preparing and starting a statement leave nothing but a message whose
//! prefix names the type. Both roads end in [`Kind`], and one table turns a kind into a code.

use batch_core_error::{Code, Error};
use std::path::Path;

/// What the system says, in its own words and whoever quotes them, and the code of each.
const SYSTEM: [(&str, Code); 16] = [
    ("No space left on device", Code::DiskFull),
    ("Disk quota exceeded", Code::QuotaExceeded),
    ("File too large", Code::QuotaExceeded),
    ("Read-only file system", Code::ReadOnly),
    ("Input/output error", Code::DiskError),
    ("Too many open files", Code::TooManyFiles),
    ("File name too long", Code::NameTooLong),
    ("Cannot allocate memory", Code::OutOfMemory),
    ("cannot allocate memory", Code::OutOfMemory),
    ("failed to map segment", Code::OutOfMemory),
    ("bad_alloc", Code::OutOfMemory),
    ("bad_array_new_length", Code::OutOfMemory),
    ("No such file or directory", Code::SourceNotFound),
    ("Not a directory", Code::SourceNotFound),
    ("Permission denied", Code::SourceUnreadable),
    ("Stale file handle", Code::TransientIo),
];

/// The code of what the system says in `text`, if it says anything there.
pub(crate) fn system_code(text: &str) -> Option<Code> {
    SYSTEM.iter().find(|(words, _)| text.contains(words)).map(|(_, code)| *code)
}

/// The code of an operating system error about a path of our own; a source's is [`system_code`].
pub(crate) fn code_of(error: &std::io::Error) -> Code {
    system_code(&error.to_string()).map_or(Code::TransientIo, of_our_own)
}

/// What a source's code is called where the path is ours: a temporary directory, say.
fn of_our_own(code: Code) -> Code {
    match code {
        Code::SourceNotFound => Code::PathLost,
        Code::SourceUnreadable => Code::OutputUnwritable,
        other => other,
    }
}

/// What DuckDB says went wrong: the error types this crate tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Binder,
    Fatal,
    Io,
    OutOfMemory,
    Permission,
    /// SQL, settings or catalog: the statements are ours, so the fault is too.
    Statement,
    /// Anything else. The SQL is fixed, so what is left to object to is the file.
    Other,
}

/// An error of DuckDB: its kind and the first paragraph of its message, free of stack traces and SQL excerpts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) text: String,
}

impl Failure {
    /// `error_type` is a `duckdb_error_type`, 0 when DuckDB did not give one.
    pub(crate) fn new(error_type: u32, message: &str) -> Self {
        if let Some(message) = unwrapped(message) {
            return Self::new(0, &message);
        }
        let kind = match error_type {
            0 => kind_of_prefix(message),
            24 => Kind::Binder,
            30 | 31 => Kind::Fatal,
            28 => Kind::Io,
            33 => Kind::OutOfMemory,
            34 => Kind::Permission,
            13 | 14 | 22 | 23 | 35 | 36 | 42 => Kind::Statement,
            _ => Kind::Other,
        };
        Self { kind, text: first_paragraph(message) }
    }

    /// Whether DuckDB refuses all further work on the instance that said this.
    pub(crate) fn breaks_instance(&self) -> bool {
        self.kind == Kind::Fatal
    }

    pub(crate) fn code(&self) -> Code {
        let system = system_code(&self.text);
        match (self.kind, system) {
            (Kind::OutOfMemory, _) | (_, Some(Code::OutOfMemory)) => Code::OutOfMemory,
            (Kind::Io | Kind::Fatal | Kind::Other, Some(code)) => code,
            _ => self.code_of_kind(),
        }
    }

    fn code_of_kind(&self) -> Code {
        match self.kind {
            Kind::OutOfMemory => Code::OutOfMemory,
            Kind::Io if self.is_of_the_file_system() => Code::TransientIo,
            Kind::Binder => Code::Config,
            Kind::Statement => Code::Bug,
            // It takes a file that it may not look at for a pattern, and then is not let to look for what matches.
            Kind::Permission => Code::SourceUnreadable,
            Kind::Io | Kind::Fatal | Kind::Other => Code::Data,
        }
    }

    /// Whether an expression could not be computed of some cell, as where a text that is no number is cast to one.
    pub(crate) fn is_of_a_cell(&self) -> bool {
        const OF_CELLS: [&str; 3] = ["Conversion Error", "Invalid Input Error", "Out of Range Error"];
        self.kind == Kind::Other && OF_CELLS.iter().any(|opening| self.text.starts_with(opening))
    }

    /// Whether an IO error comes from the operating system. The Parquet reader calls malformed content IO errors as
    /// well, and a file that is shorter than its footer says is malformed too.
    fn is_of_the_file_system(&self) -> bool {
        const SYSTEM: [&str; 4] = ["Cannot open file", "Could not ", "Failed to ", "No files found"];
        const CONTENT: [&str; 3] =
            ["Could not read all bytes", "Could not read enough bytes", "Failed to read Parquet"];
        let detail = self.text.strip_prefix("IO Error: ").unwrap_or(&self.text);
        let opens_with = |openings: &[&str]| openings.iter().any(|opening| detail.starts_with(opening));
        opens_with(&SYSTEM) && !opens_with(&CONTENT)
    }

    pub(crate) fn error(&self) -> Error {
        Error::new(self.code(), self.text.clone())
    }

    /// The failure as an error about `file`, which DuckDB knows by `name`.
    pub(crate) fn about(&self, file: &Path, name: &str) -> Error {
        // A path is free to contain the words that tell errors apart.
        let nameless = Self { kind: self.kind, text: self.text.replace(name, "") };
        let detail = self.text.replace(name, &file.display().to_string());
        let code = if self.text.contains(name) { nameless.code() } else { of_our_own(nameless.code()) };
        Error::new(code, format!("cannot read {}: {detail}", file.display())).in_file(file)
    }
}

fn kind_of_prefix(message: &str) -> Kind {
    const PREFIXES: [(&str, Kind); 12] = [
        ("Binder Error", Kind::Binder),
        ("INTERNAL Error", Kind::Fatal),
        ("FATAL Error", Kind::Fatal),
        ("IO Error", Kind::Io),
        ("Out of Memory Error", Kind::OutOfMemory),
        ("Permission Error", Kind::Permission),
        ("Parser Error", Kind::Statement),
        ("Catalog Error", Kind::Statement),
        ("Syntax Error", Kind::Statement),
        ("Settings Error", Kind::Statement),
        ("Parameter Not Resolved Error", Kind::Statement),
        ("Parameter Not Allowed Error", Kind::Statement),
    ];
    PREFIXES.iter().find(|(prefix, _)| message.starts_with(prefix)).map_or(Kind::Other, |(_, kind)| *kind)
}

/// The message inside an exception that DuckDB hands over whole, as JSON; its type is then the one to go by.
fn unwrapped(message: &str) -> Option<String> {
    let kind = message.strip_prefix("{\"exception_type\":\"")?;
    let (kind, rest) = kind.split_once("\",\"exception_message\":\"")?;
    let mut text = format!("{kind} Error: ");
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '"' => return Some(text),
            '\\' => match characters.next()? {
                'n' | 'r' | 't' => text.push(' '),
                other => text.push(other),
            },
            other => text.push(other),
        }
    }
}

/// DuckDB appends candidate lists, the SQL with a caret under it, advice and stack traces; a user needs none of them.
fn first_paragraph(message: &str) -> String {
    let end = ["\n\n", "\nLINE ", "\nStack Trace", "\nCandidate bindings", "\nDid you mean"]
        .iter()
        .filter_map(|mark| message.find(mark))
        .min()
        .unwrap_or(message.len());
    message[..end].split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_decides_and_the_prefix_stands_in_for_it() {
        let cases = [
            (28, "IO Error: Could not read from file \"x\": Input/output error", Code::DiskError),
            (28, "IO Error: Could not read from file \"x\": Connection timed out", Code::TransientIo),
            (0, "IO Error: Cannot open file \"x\": No such file or directory", Code::SourceNotFound),
            (0, "IO Error: Cannot open file \"x\": Permission denied", Code::SourceUnreadable),
            (28, "IO Error: Could not write file \"x\": Disk quota exceeded", Code::QuotaExceeded),
            (28, "IO Error: Could not write file \"x\": Read-only file system", Code::ReadOnly),
            (28, "IO Error: Could not write file \"x\": File too large", Code::QuotaExceeded),
            (30, "FATAL Error: Could not write file \"x\": Input/output error", Code::DiskError),
            (28, "IO Error: Failed to read Parquet file \"x\": no schema elements found", Code::Data),
            (28, "IO Error: Parquet file 'x': metadata is corrupt", Code::Data),
            (0, "IO Error: Cannot open file \"x\": Too many open files", Code::TooManyFiles),
            (28, "IO Error: Could not write file \"x\": No space left on device", Code::DiskFull),
            (28, "IO Error: Could not read all bytes from file \"x\": wanted=9 read=1", Code::Data),
            (33, "Out of Memory Error: could not allocate block", Code::OutOfMemory),
            (0, "Out of Memory Error: could not allocate block", Code::OutOfMemory),
            (0, "Invalid Error: std::bad_alloc", Code::OutOfMemory),
            (32, "Invalid Input Error: No magic bytes found at end of file 'x'", Code::Data),
            (0, "INTERNAL Error: Attempted to access index 7", Code::Data),
            (32, r#"{"exception_type":"Out of Memory","exception_message":"x"}"#, Code::OutOfMemory),
            (24, "Binder Error: Referenced column \"x\" not found", Code::Config),
            (0, "Parser Error: syntax error at end of input", Code::Bug),
        ];
        for (error_type, message, code) in cases {
            assert_eq!(Failure::new(error_type, message).code(), code, "{message}");
        }
    }

    #[test]
    fn names_are_no_part_of_the_verdict() {
        let failure = Failure::new(0, "Invalid Input Error: No magic bytes found at end of file '/links/0.parquet'");
        let file = Path::new("/data/bad_alloc[1].parquet");
        let error = failure.about(file, "/links/0.parquet");
        assert_eq!(error.code, Code::Data);
        assert!(error.message.contains("bad_alloc[1]") && !error.message.contains("/links/"), "{error}");
    }

    #[test]
    fn a_path_that_is_not_the_source_is_ours() {
        let file = Path::new("/data/a.parquet");
        let code = |text: &str| Failure::new(28, text).about(file, "/links/0.parquet").code;
        assert_eq!(
            code("IO Error: Cannot open file \"/links/0.parquet\": No such file or directory"),
            Code::SourceNotFound
        );
        assert_eq!(code("IO Error: Cannot open file \"/tmp/duckdb.tmp\": No such file or directory"), Code::PathLost);
        assert_eq!(code("IO Error: Cannot open file \"/tmp/duckdb.tmp\": Permission denied"), Code::OutputUnwritable);
        assert_eq!(code("IO Error: Could not write file \"/tmp/duckdb.tmp\": No space left on device"), Code::DiskFull);
    }

    #[test]
    fn messages_end_before_traces_and_sql() {
        let cases = [
            ("INTERNAL Error: bad\n\nStack Trace:\n\n0x00 duckdb::f", "INTERNAL Error: bad"),
            ("Binder Error: no \"x\"\nCandidate bindings: \"y\"\n\nLINE 1: SELECT", "Binder Error: no \"x\""),
            (
                r#"{"exception_type":"Out of Memory","exception_message":"no \"x\"\nleft","a":"b"}"#,
                "Out of Memory Error: no \"x\" left",
            ),
            ("IO Error: short\n  of bytes", "IO Error: short of bytes"),
        ];
        for (message, text) in cases {
            assert_eq!(Failure::new(0, message).text, text);
        }
    }
}
