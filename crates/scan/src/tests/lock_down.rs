//! What a scanner's DuckDB refuses, asked directly, past the fixed SELECT.

use super::fixture::{Fixture, duckdb};
use crate::database::{Connection, Database, Settings};
use crate::error::Kind;
use std::path::Path;

fn locked(allowed: &[&Path], temp_directory: Option<&Path>) -> Connection {
    let allowed_paths: Vec<_> = allowed.iter().map(|path| path.to_str().expect("text").to_owned()).collect();
    let settings = Settings { temp_directory, memory_limit_bytes: Some(1 << 30), allowed_paths: &allowed_paths };
    Connection::open(&Database::open(duckdb(), &settings).expect("opens")).expect("connects")
}

fn refused(connection: &Connection, sql: &str) -> (Kind, String) {
    match connection.run(sql) {
        Ok(()) => panic!("allowed: {sql}"),
        Err(failure) => (failure.kind, failure.text),
    }
}

#[test]
fn only_the_listed_files_can_be_read() {
    let fixture = Fixture::new();
    let (mine, other) =
        (fixture.write("mine.parquet", "SELECT 1 AS v"), fixture.write("other.parquet", "SELECT 2 AS v"));
    let connection = locked(&[&mine], None);
    assert!(connection.run(&format!("FROM read_parquet('{}')", mine.display())).is_ok());
    let directory = fixture.directory.path().display();
    for sql in [
        format!("FROM read_parquet('{}')", other.display()),
        format!("FROM read_parquet('{directory}/*.parquet')"),
        format!("FROM glob('{directory}/*')"),
        format!("FROM read_text('{}')", other.display()),
        format!("ATTACH '{directory}/x.duckdb'"),
        "FROM read_csv('/etc/passwd')".to_owned(),
        "FROM read_text('/proc/self/environ')".to_owned(),
    ] {
        assert_eq!(refused(&connection, &sql).0, Kind::Permission, "{sql}");
    }
}

#[test]
fn nothing_can_be_written_beside_or_over_the_inputs() {
    let fixture = Fixture::new();
    let mine = fixture.write("mine.parquet", "SELECT 1 AS v");
    let connection = locked(&[&mine], None);
    let before = std::fs::read(&mine).expect("reads");
    for target in [fixture.path("new.parquet"), mine.clone(), "/dev/stdout".into()] {
        let sql = format!("COPY (SELECT 3 AS v) TO '{}' (FORMAT parquet)", target.display());
        assert_eq!(refused(&connection, &sql).0, Kind::Permission, "{sql}");
    }
    assert_eq!(std::fs::read(&mine).expect("reads"), before);
    assert!(refused(&connection, "EXPORT DATABASE 'x'").1.contains("disabled by configuration"));
}

#[test]
fn settings_are_frozen_but_for_memory_and_threads() {
    let connection = locked(&[], None);
    assert!(connection.run("SET memory_limit = '512MB'").is_ok());
    assert!(connection.run("SET threads = 1").is_ok());
    for sql in [
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "RESET lock_configuration",
        "SET allowed_paths = ['/etc/passwd']",
        "RESET allowed_paths",
        "SET allowed_directories = ['/']",
        "SET allowed_configs = ['lock_configuration']",
        "SET temp_directory = '/tmp'",
        "SET autoload_known_extensions = true",
        "SET TimeZone = 'Europe/Berlin'",
        "SET custom_extension_repository = 'http://localhost'",
        "SET profiling_output = 'x'",
    ] {
        let (_, text) = refused(&connection, sql);
        assert!(text.contains("locked"), "{sql}: {text}");
    }
}

#[test]
fn no_extension_can_be_loaded() {
    let fixture = Fixture::new();
    std::fs::write(fixture.path("x.duckdb_extension"), "no extension").expect("writes");
    let connection = locked(&[], None);
    for sql in [
        "INSTALL httpfs".to_owned(),
        "LOAD httpfs".to_owned(),
        "INSTALL h3 FROM community".to_owned(),
        format!("LOAD '{}'", fixture.path("x.duckdb_extension").display()),
        "FROM read_parquet('https://localhost/x.parquet')".to_owned(),
        "FROM read_parquet('s3://bucket/x.parquet')".to_owned(),
    ] {
        refused(&connection, &sql);
    }
}

#[test]
fn paths_are_data_in_the_statements_that_lock_down() {
    let fixture = Fixture::new();
    let other = fixture.write("other.parquet", "SELECT 2 AS v");
    for name in ["it's.parquet", "'] ; SET enable_external_access = true; --.parquet", "back\\'slash.parquet"] {
        let mine = fixture.write(name, "SELECT 1 AS v");
        // The temporary directory goes through the same quoting.
        let connection = locked(&[&mine], Some(&fixture.path(name)));
        let quoted = mine.display().to_string().replace('\'', "''");
        assert!(connection.run(&format!("FROM read_parquet('{quoted}')")).is_ok(), "{name}");
        assert_eq!(refused(&connection, &format!("FROM '{}'", other.display())).0, Kind::Permission, "{name}");
    }
}

#[test]
fn an_instance_has_one_thread_and_no_place_to_spill() {
    let connection = locked(&[], None);
    for (setting, value) in [("threads", "1"), ("temp_directory", ""), ("TimeZone", "UTC")] {
        let found = format!("current_setting('{setting}')::VARCHAR");
        let sql = format!("SELECT CASE WHEN {found} = '{value}' THEN 1 ELSE error({found}) END");
        connection.run(&sql).unwrap_or_else(|failure| panic!("{setting}: {}", failure.text));
    }
}
