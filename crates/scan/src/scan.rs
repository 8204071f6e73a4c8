//! A scanner holds a locked-down DuckDB; a scan is one range of rows of one file, batch by batch.

use crate::api::{self, Api};
#[cfg(test)]
use crate::chunk::Chunk;
use crate::columns::Columns;
use crate::database::{Connection, Database, Settings};
use crate::error::{Failure, system_code};
use crate::query::{Fetch, Rows, Stop, Value};
use crate::request::ScanRequest;
use crate::select;
use crate::source::Sources;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use batch_core_error::{Code, Error};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// What a scanner is opened with.
#[derive(Debug, Clone)]
pub struct ScannerOptions {
    /// The DuckDB library to load.
    pub library: PathBuf,
    /// The only files the scanner will be able to read. Paths are literal: no patterns, no home directories, no URLs.
    pub files: Vec<PathBuf>,
    /// Where DuckDB may spill; without it, it does not spill.
    pub temp_directory: Option<PathBuf>,
    /// DuckDB's own limit. It bounds neither batches nor what is buffered for a stream.
    pub memory_limit_bytes: Option<u64>,
    /// What the copied columns of a batch may take; a batch that takes more ends the scan.
    pub copied_bytes_max: Option<u64>,
    /// How rows are handed over.
    pub fetch: Fetch,
}

/// Reads ranges of rows of a fixed set of Parquet files. One for each thread.
pub struct Scanner {
    api: &'static Api,
    options: ScannerOptions,
    sources: Sources,
    /// Replaced when DuckDB declares the instance broken, so that one bad file does not spoil the next scan.
    database: RefCell<Arc<Database>>,
}

impl Scanner {
    /// Opens a DuckDB on the calling thread and locks it down to the given files.
    ///
    /// # Errors
    /// `CONFIG` when the library is missing or of another version, or when DuckDB refuses an option.
    pub fn open(options: &ScannerOptions) -> Result<Self, Error> {
        let api = api::load(&options.library)?;
        let sources = Sources::new(&options.files, options.temp_directory.as_deref())?;
        let database = RefCell::new(instance(api, options, &sources)?);
        Ok(Self { api, options: options.clone(), sources, database })
    }

    /// Starts a scan. Several may run at a time, each on a connection of its own.
    ///
    /// # Errors
    /// `CONFIG` for a column that is missing or no number, `SOURCE_NOT_FOUND` and the like for a file that cannot be opened,
    /// `DATA` for one that is no Parquet, `BUG` for one the scanner was not opened for.
    pub fn scan(&self, request: &ScanRequest) -> Result<Scan<'_>, Error> {
        let name = self.sources.name(&request.file)?;
        let (first, last) = bounds(request)?;
        reachable(&request.file)?;
        let database = Arc::clone(&self.database.borrow());
        let connection = Rc::new(Connection::open(&database)?);
        if !request.copied.is_empty() {
            connection.run(ONE_CHUNK_AHEAD).map_err(|failure| failure.error())?;
        }
        let values = [Value::Text(name), Value::Integer(first), Value::Integer(last)];
        let opened = select::statement(request).map_err(Stop::from).and_then(|sql| {
            let mut rows = Rows::start(&connection, &sql, &values, self.options.fetch)?;
            select::check_names(&mut rows, request, &database, name)?;
            let columns = Columns::new(&mut rows, request)?;
            Ok((rows, columns))
        });
        match opened {
            Ok((rows, columns)) => {
                Ok(Scan { scanner: self, request: request.clone(), rows, columns, delivered: 0, state: State::Reading })
            }
            Err(Stop::Refused(error)) => Err(error.in_file(&request.file)),
            Err(Stop::Failed(failure)) => {
                let missing = select::missing_column(&failure, request, &database, name);
                let failed = || select::of_condition(self.failed(&failure, &request.file, name), &failure, request);
                Err(missing.unwrap_or_else(failed))
            }
        }
    }

    /// Turns a failure into an error about `file`, and replaces an instance that DuckDB gave up on.
    pub(crate) fn failed(&self, failure: &Failure, file: &Path, name: &str) -> Error {
        if failure.breaks_instance() {
            match instance(self.api, &self.options, &self.sources) {
                Ok(database) => drop(self.database.replace(database)),
                Err(error) => return error.in_file(file).because(failure.text.clone()),
            }
        }
        // Asked only now, the file may have gone since the scan began; DuckDB then tells of patterns and directories.
        match reachable(file) {
            Ok(()) => failure.about(file, name),
            Err(error) => error.because(failure.text.clone()),
        }
    }
}

/// DuckDB computes a megabyte of rows before it hands out the first of them, and counts 16 bytes for a text of any length.
const ONE_CHUNK_AHEAD: &str = "SET streaming_buffer_size = '1B'";

fn instance(api: &'static Api, options: &ScannerOptions, sources: &Sources) -> Result<Arc<Database>, Error> {
    Database::open(
        api,
        &Settings {
            temp_directory: options.temp_directory.as_deref(),
            memory_limit_bytes: options.memory_limit_bytes,
            allowed_paths: &sources.allowed_paths(),
        },
    )
}

/// The first and the last row, as DuckDB numbers them; the last is before the first when no row is asked for.
fn bounds(request: &ScanRequest) -> Result<(i64, i64), Error> {
    let first = i64::try_from(request.first_row).ok();
    let last = i64::try_from(request.rows).ok().and_then(|rows| first?.checked_add(rows)?.checked_sub(1));
    first.zip(last).ok_or_else(|| {
        let ScanRequest { first_row, rows, .. } = request;
        Error::bug(format!("{rows} rows from row {first_row} are more than a file can have")).in_file(&request.file)
    })
}

/// Checks what DuckDB would answer with a guess: it takes a missing file for a pattern, and waits for a pipe to speak.
fn reachable(file: &Path) -> Result<(), Error> {
    match std::fs::metadata(file) {
        Ok(facts) if facts.is_file() => Ok(()),
        Ok(_) => Err(Error::data(format!("{} is not a regular file", file.display())).in_file(file)),
        Err(error) => {
            let code = system_code(&error.to_string()).unwrap_or(Code::TransientIo);
            Err(Error::new(code, format!("cannot open {}: {error}", file.display())).in_file(file).because(error))
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    Ended,
    Failed,
}

/// The rows of one request, in the order of the file. Dropping it half-way is fine.
pub struct Scan<'s> {
    scanner: &'s Scanner,
    request: ScanRequest,
    rows: Rows,
    columns: Columns,
    delivered: u64,
    state: State,
}

impl Scan<'_> {
    /// The schema of every batch: the features, then the copied columns, each nullable.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.columns.schema)
    }

    /// The next rows, or `None` after the last one. Batches may outlive the scan and the scanner.
    ///
    /// # Errors
    /// `DATA` when the file cannot be read any further or has not the rows that were asked for; a scan that has failed
    /// stays failed.
    pub fn next_batch(&mut self) -> Result<Option<RecordBatch>, Error> {
        match self.state {
            State::Reading => {}
            State::Ended => return Ok(None),
            State::Failed => return Err(self.refuse("was asked for more rows after it had failed", Error::bug)),
        }
        let batch = self.read();
        self.state = match &batch {
            Ok(Some(_)) => State::Reading,
            Ok(None) => State::Ended,
            Err(_) => State::Failed,
        };
        batch
    }

    fn read(&mut self) -> Result<Option<RecordBatch>, Error> {
        let chunk = match self.rows.next_chunk() {
            Ok(Some(chunk)) => Arc::new(chunk),
            Ok(None) if self.request.condition.is_some() || self.delivered == self.request.rows => return Ok(None),
            Ok(None) => {
                let found = format!("found only {} rows", self.delivered);
                return Err(self.refuse(&found, Error::data));
            }
            Err(Stop::Refused(error)) => return Err(error.in_file(&self.request.file)),
            Err(Stop::Failed(failure)) => {
                let file = &self.request.file;
                let error = self.scanner.failed(&failure, file, self.scanner.sources.name(file)?);
                return Err(select::of_condition(error, &failure, &self.request));
            }
        };
        self.delivered = self.delivered.saturating_add(chunk.rows() as u64);
        if self.delivered > self.request.rows {
            return Err(self.refuse("found more rows than that", Error::data));
        }
        let (batch, copied) = self.columns.batch(&chunk).map_err(|error| error.in_file(&self.request.file))?;
        self.check_size(chunk.rows(), copied as u64)?;
        Ok(Some(batch))
    }

    /// Refuses a batch of more bytes than were planned for: where one is, more may be. It is known only now, and all that
    /// is done with the rows takes about as much again.
    fn check_size(&self, rows: usize, copied: u64) -> Result<(), Error> {
        let Some(most) = self.scanner.options.copied_bytes_max.filter(|most| copied > *most) else { return Ok(()) };
        let file = &self.request.file;
        let last = self.request.first_row + self.delivered - 1;
        let first = (last + 1).saturating_sub(rows as u64);
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        let message = format!(
            "{}: rows {first} to {last} take {} MiB in the columns that are kept, more than the file gave to expect; \
             --memory leaves {} MiB for that: give it {} MiB more, fewer --workers, or --keep fewer columns",
            file.display(),
            mib(copied),
            most >> 20,
            mib((copied - most) * 5 / 2),
        );
        Err(Error::new(Code::MemoryTooSmall, message).in_file(file))
    }

    /// The next chunk beside the batch over it, which must be there.
    #[cfg(test)]
    pub(crate) fn next_with_chunk(&mut self) -> (Arc<Chunk>, RecordBatch) {
        let Ok(Some(chunk)) = self.rows.next_chunk() else { panic!("no chunk") };
        let chunk = Arc::new(chunk);
        let (batch, _) = self.columns.batch(&chunk).expect("a batch");
        (chunk, batch)
    }

    fn refuse(&self, what: &str, error: impl Fn(String) -> Error) -> Error {
        let ScanRequest { file, first_row, rows, .. } = &self.request;
        let message = format!("{}: the scan of {rows} rows from row {first_row} {what}", file.display());
        error(message).in_file(file)
    }
}
