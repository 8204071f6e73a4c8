//! The SELECT of a scan, and whether DuckDB read it as meant.
//!
//! DuckDB finds columns whatever their case and offers columns no file has (`filename`, `file_index`), so the names of
//! the result are compared with those asked for. Where a file's names differ in case only, DuckDB numbers the later
//! ones: `a`, `A` are `a`, `A_1`, and those are the names to ask for.

use crate::database::{Connection, Database};
use crate::error::{Failure, Kind};
use crate::query::{Fetch, Rows, Stop, Value};
use crate::request::{ScanRequest, ShiftedDecimal};
use batch_core_error::{Code, Error};
use std::rc::Rc;
use std::sync::Arc;

/// Without these options DuckDB would invent columns from directory names; the row numbers make ranges prunable.
const SOURCE: &str = "read_parquet($1, file_row_number = true, hive_partitioning = false, union_by_name = false)";

/// The columns of a file, without any row.
const COLUMNS: &str = "SELECT * FROM read_parquet($1, hive_partitioning = false, union_by_name = false) LIMIT 0";

/// The column that DuckDB adds.
pub(crate) const ROW_NUMBER: &str = "file_row_number";
/// Columns that DuckDB answers for, whether or not the file has them.
const PHANTOMS: [&str; 3] = [ROW_NUMBER, "filename", "file_index"];

/// The statement for a request: the path and the row bounds are its parameters.
pub(crate) fn statement(request: &ScanRequest) -> Result<String, Error> {
    let names = || request.columns.iter().chain(&request.copied);
    let mut columns: Vec<_> = names().map(|name| expression(name, &request.shifted)).collect();
    if names().any(String::is_empty) {
        return Err(Error::config("a column without a name cannot be read").in_column(""));
    }
    // On lines of its own, so that a comment at its end hides nothing of ours.
    let condition = request.condition.as_ref().map_or_else(String::new, |sql| format!(" AND (\n{sql}\n)"));
    if request.condition.is_some() {
        columns.push(ROW_NUMBER.into());
    }
    if columns.is_empty() {
        return Err(Error::config("a scan needs at least one column"));
    }
    Ok(format!("SELECT {} FROM {SOURCE} WHERE {ROW_NUMBER} BETWEEN $2 AND $3{condition}", columns.join(", ")))
}

/// The column, under its name; one that DuckDB shifts is put right.
fn expression(name: &str, shifted: &[ShiftedDecimal]) -> String {
    let column = quoted(name);
    let Some(ShiftedDecimal { bits, scale, .. }) = shifted.iter().find(|shifted| shifted.column == name) else {
        return column;
    };
    // Powers of two up to 2^56 are doubles, and so is their division; the last place of a decimal is one in its unit.
    let power = 1u64 << (bits % 64);
    let unit = format!("(1 - 1 / {power}::DOUBLE) / 1e{scale}::DOUBLE");
    let value = format!("{column} / {power}::DOUBLE");
    format!("CASE WHEN {column} < 0 THEN {value} - {unit} ELSE {value} END AS {column}")
}

/// An identifier that stands for itself, whatever it is made of.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Checks that the result has the columns that were asked for, and not others that DuckDB took for them.
pub(crate) fn check_names(
    rows: &mut Rows,
    request: &ScanRequest,
    database: &Arc<Database>,
    name: &str,
) -> Result<(), Stop> {
    let wanted: Vec<_> = request.columns.iter().chain(&request.copied).collect();
    let all = wanted.len() + usize::from(request.condition.is_some());
    if rows.columns() != all {
        return Err(Error::bug(format!("DuckDB answers {all} columns with {}", rows.columns())).into());
    }
    for (index, column) in wanted.into_iter().enumerate() {
        let answered = rows.column_name(index);
        let phantom = PHANTOMS.iter().any(|phantom| phantom.eq_ignore_ascii_case(column));
        if !phantom && answered == *column {
            continue;
        }
        let columns = columns_of(database, name)?;
        if !columns.contains(column) {
            return Err(no_such_column(column, &columns).in_file(&request.file).into());
        }
        if answered != *column {
            return Err(Error::bug(format!("DuckDB answers \"{column}\" with \"{answered}\"")).into());
        }
    }
    Ok(())
}

/// The error about a missing column, if that is what `failure` is about.
pub(crate) fn missing_column(
    failure: &Failure,
    request: &ScanRequest,
    database: &Arc<Database>,
    name: &str,
) -> Option<Error> {
    if failure.kind != Kind::Binder {
        return None;
    }
    let columns = columns_of(database, name).ok()?;
    if let Some(taken) = columns.iter().find(|column| column.eq_ignore_ascii_case(ROW_NUMBER)) {
        let error = Error::config(format!(
            "{} has a column \"{taken}\", a name DuckDB keeps for the numbers of rows; rename it to scan the file",
            request.file.display()
        ));
        return Some(error.in_column(taken).in_file(&request.file));
    }
    let missing = request.columns.iter().chain(&request.copied).find(|column| !columns.contains(column))?;
    Some(no_such_column(missing, &columns).in_file(&request.file))
}

/// The error, saying on what condition rows were read; one about a cell is then the condition's fault, which alone looks at cells.
pub(crate) fn of_condition(mut error: Error, failure: &Failure, request: &ScanRequest) -> Error {
    let Some(condition) = &request.condition else { return error };
    error.message = format!("{} (in the rows where {condition})", error.message);
    if failure.is_of_a_cell() {
        error.code = Code::Config;
        return error
            .hinted(Some("write the condition so that it can be computed of every row: with try_cast, for example"));
    }
    error
}

fn no_such_column(column: &str, columns: &[String]) -> Error {
    let lower = column.to_lowercase();
    let alike = columns.iter().filter(|other| {
        let other = other.to_lowercase();
        other.strip_prefix(&lower).is_some_and(|rest| {
            rest.is_empty() || rest.strip_prefix('_').is_some_and(|digits| digits.parse::<u64>().is_ok())
        })
    });
    let names: Vec<_> = alike.map(|other| format!("\"{other}\"")).collect();
    let hint = match names.as_slice() {
        [] => format!("it has {} columns", columns.len()),
        _ => format!("it has {}; case counts, and DuckDB numbers names that differ in case only", names.join(", ")),
    };
    Error::config(format!("the file has no column \"{column}\": {hint}")).in_column(column)
}

/// The columns of the file, by the names DuckDB gives them. Asked on another connection: on one, a query ends the other.
fn columns_of(database: &Arc<Database>, name: &str) -> Result<Vec<String>, Stop> {
    let connection = Rc::new(Connection::open(database)?);
    let mut rows = Rows::start(&connection, COLUMNS, &[Value::Text(name)], Fetch::Streaming)?;
    Ok((0..rows.columns()).map(|index| rows.column_name(index)).collect())
}
