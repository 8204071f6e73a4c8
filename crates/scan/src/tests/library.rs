//! Where the DuckDB library lies on a machine that builds this project.

use std::path::{Path, PathBuf};

/// The library that `BATCH_CORE_LIBDUCKDB` names, or else the one `npm ci` installs.
pub(crate) fn library() -> PathBuf {
    let path = std::env::var_os("BATCH_CORE_LIBDUCKDB").map_or_else(installed, PathBuf::from);
    assert!(
        path.is_file(),
        "no DuckDB library at {}: run `npm ci` at the root of the repository, or set BATCH_CORE_LIBDUCKDB",
        path.display()
    );
    path
}

fn installed() -> PathBuf {
    let platform = match std::env::consts::OS {
        "macos" => "darwin",
        "windows" => "win32",
        other => other,
    };
    let arch = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    let name = match platform {
        "darwin" => "libduckdb.dylib",
        "win32" => "duckdb.dll",
        _ => "libduckdb.so",
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("two directories up");
    root.join(format!("node_modules/@duckdb/node-bindings-{platform}-{arch}")).join(name)
}
