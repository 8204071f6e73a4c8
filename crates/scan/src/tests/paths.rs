//! A path is a path: whatever characters it has, exactly that file is read.

use super::fixture::{Fixture, open, options, request, scan, try_scan};
use crate::{ScanRequest, Scanner, ScannerOptions};
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use batch_core_error::Code;
use std::path::Path;

fn value(file: &Path) -> i32 {
    first(&open(&[file]), file)
}

fn first(scanner: &Scanner, file: &Path) -> i32 {
    let batches = try_scan(scanner, &request(file, &["v"], &[], 0..1)).expect("the file scans");
    batches[0].column(0).as_primitive::<Int32Type>().value(0)
}

#[test]
fn names_with_special_characters_open_themselves() {
    let names = [
        "data[1].parquet",
        "data1.parquet",
        "a*b.parquet",
        "aXb.parquet",
        "what?.parquet",
        "whats.parquet",
        "[].parquet",
        "data[[]1].parquet",
        "**",
        "dir[1]/x.parquet",
        "dir1/x.parquet",
        "dir*/y=2/x?.parquet",
        "both\\and[1].parquet",
        "back\\slash.parquet",
        "-dash.parquet",
        "--help",
        "q'uo\"te.parquet",
        "semi;colon -- comment.parquet",
        "sp ace.parquet",
        "new\nline.parquet",
        "únïcødé 数据 🦆.parquet",
        "~user",
        "~/home.parquet",
        "s3:/bucket/x.parquet",
        "http:/host/x.parquet",
        "file:x.parquet",
        "$1.parquet",
        "{a,b}.parquet",
        "year=2024/month=x/f.parquet",
        "no extension",
        "looks.csv",
    ];
    let fixture = Fixture::new();
    let files: Vec<_> =
        (0..).zip(names).map(|(number, name)| fixture.write(name, &format!("SELECT {number}::INTEGER AS v"))).collect();
    // Alone, so that only the lock-down's list stands between a pattern and its matches, and all at once.
    let borrowed: Vec<&Path> = files.iter().map(AsRef::as_ref).collect();
    let all = open(&borrowed);
    for (number, file) in (0..).zip(&files) {
        assert_eq!(value(file), number, "{}", file.display());
        assert_eq!(first(&all, file), number, "{}", file.display());
    }
}

#[test]
fn a_relative_path_is_one_of_the_working_directory() {
    // The working directory is the process's, so this reads a file that is always there, and expects it to be no Parquet.
    for name in ["Cargo.toml", "./Cargo.toml", "src/../Cargo.toml"] {
        let file = Path::new(name);
        let error = try_scan(&open(&[file]), &request(file, &["v"], &[], 0..1)).expect_err("no Parquet");
        assert_eq!(error.code, Code::Data, "{error}");
    }
    for name in ["s3://bucket/x.parquet", "~/x.parquet", "https://host/x.parquet"] {
        let file = Path::new(name);
        let error = try_scan(&open(&[file]), &request(file, &["v"], &[], 0..1)).expect_err("not there");
        assert_eq!(error.code, Code::SourceNotFound, "{error}");
        assert!(error.message.contains(name) && error.message.contains("No such file"), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn bytes_that_are_no_text_are_a_path_too() {
    use std::os::unix::ffi::OsStrExt;
    let fixture = Fixture::new();
    let plain = fixture.write("plain.parquet", "SELECT 7::INTEGER AS v");
    let file = fixture.directory.path().join(std::ffi::OsStr::from_bytes(b"\xff\xfe.parquet"));
    // Some file systems refuse such names, which is as good.
    if std::fs::rename(plain, &file).is_ok() {
        assert_eq!(value(&file), 7);
    }
}

#[test]
fn a_path_with_a_nul_is_refused() {
    let fixture = Fixture::new();
    let file = fixture.path("a\0b.parquet");
    let Err(error) = Scanner::open(&options(&[&file])).map(|_| ()) else { panic!("a NUL in a path") };
    assert_eq!(error.code, Code::Config, "{error}");
}

#[test]
fn directory_names_are_not_columns() {
    let fixture = Fixture::new();
    let file = fixture.write("v=9/f.parquet", "SELECT 1::INTEGER AS v, 2 AS w");
    assert_eq!(value(&file), 1);
    let error = super::fixture::scan_error(&fixture.write("z=9/f.parquet", "SELECT 1 AS v"), &["z"], &[], 0..1);
    assert_eq!((error.code, error.place.column.as_deref()), (Code::Config, Some("z")), "{error}");
}

#[cfg(unix)]
#[test]
fn links_are_private_and_go_with_the_scanner() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::new();
    let file = fixture.write("data[1].parquet", "SELECT 1::INTEGER AS v");
    let temp_directory = fixture.path("temp/orary");
    let options = ScannerOptions { temp_directory: Some(temp_directory.clone()), ..options(&[&file]) };
    let entries = || std::fs::read_dir(&temp_directory).expect("lists").count();
    let scanner = Scanner::open(&options).expect("opens");
    assert_eq!(first(&scanner, &file), 1);
    assert_eq!(entries(), 1);
    let links = std::fs::read_dir(&temp_directory).expect("lists").next().expect("an entry").expect("an entry");
    assert_eq!(links.metadata().expect("facts").permissions().mode() & 0o777, 0o700);
    drop(scanner);
    assert_eq!(entries(), 0);
    assert!(file.is_file());
}

#[cfg(unix)]
#[test]
fn a_temporary_directory_may_have_pattern_characters_too() {
    let fixture = Fixture::new();
    let file = fixture.write("in[1]/data[1].parquet", "SELECT 1::INTEGER AS v");
    let options = ScannerOptions { temp_directory: Some(fixture.path("in[1]/tmp")), ..options(&[&file]) };
    assert_eq!(first(&Scanner::open(&options).expect("opens"), &file), 1);
}

#[cfg(unix)]
#[test]
fn an_input_may_itself_be_a_link() {
    let fixture = Fixture::new();
    let file = fixture.write("real.parquet", "SELECT 4::INTEGER AS v");
    for name in ["link.parquet", "link[1].parquet"] {
        std::os::unix::fs::symlink(&file, fixture.path(name)).expect("links");
        assert_eq!(value(&fixture.path(name)), 4);
    }
}

#[cfg(unix)]
#[test]
fn a_link_that_was_turned_elsewhere_is_refused() {
    let fixture = Fixture::new();
    let (one, two) = (fixture.write("1.parquet", "SELECT 1 AS v"), fixture.write("2.parquet", "SELECT 2 AS v"));
    for name in ["link.parquet", "link[1].parquet"] {
        let link = fixture.path(name);
        std::os::unix::fs::symlink(&one, &link).expect("links");
        let scanner = open(&[&link]);
        assert_eq!(first(&scanner, &link), 1);
        std::fs::remove_file(&link).expect("removes");
        std::os::unix::fs::symlink(&two, &link).expect("links");
        let error = try_scan(&scanner, &request(&link, &["v"], &[], 0..1)).expect_err("another file");
        assert_eq!(error.code, Code::SourceUnreadable, "{error}");
    }
}

#[test]
fn a_file_that_was_not_announced_is_refused() {
    let fixture = Fixture::new();
    let (one, two) = (fixture.write("1.parquet", "SELECT 1 AS v"), fixture.write("2.parquet", "SELECT 2 AS v"));
    let error = try_scan(&open(&[&one]), &request(&two, &["v"], &[], 0..1)).expect_err("not announced");
    assert_eq!((error.code, error.place.file.as_deref()), (Code::Bug, Some(two.as_path())));
    assert!(error.message.contains("2.parquet"), "{error}");
}

#[test]
fn any_spelling_of_an_announced_path_will_do() {
    let fixture = Fixture::new();
    let file = fixture.write("1.parquet", "SELECT 1::INTEGER AS v");
    let spelled = fixture.directory.path().join(".").join("1.parquet");
    let wanted = ScanRequest { file: spelled, ..request(&file, &["v"], &[], 0..1) };
    assert_eq!(try_scan(&open(&[&file]), &wanted).expect("scans").len(), 1);
    assert_eq!(scan(&file, &["v"], &[], 0..1).len(), 1);
}
