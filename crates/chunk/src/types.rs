//! The TypeScript types of what crosses to workers and back: `src/bindings/task.ts` is made from the Rust types.
//!
//! `BATCH_CORE_UPDATE=1 cargo test -p batch-core-chunk types`, then `npm run format`, writes it.

use crate::receipt::{
    BestRecord, Findings, Part, PartFile, ReasonRecord, Receipt, RowGroupRecord, Summary, Verified, Yield,
};
use crate::task::{
    Artifact, Compression, Flag, PartFormat, RowRange, Scoring, Shifted, Source, TASK_VERSION, Task, Work,
};
use std::path::Path;
use ts_rs::{Config, TS};

const HEAD: &str = "\
/** What crosses to workers and back. Made from crates/chunk/src/task.rs and receipt.rs: see crates/chunk/src/types.rs. */

/** A double: JSON has no infinities, and JavaScript writes no sign of a zero. */
export type Double = number | 'Infinity' | '-Infinity' | '-0';

/** What a missing cell means. */
export type Missing = 'center' | 'skip' | 'error';
";

fn declaration<T: TS>(config: &Config) -> String {
    let docs = T::docs().unwrap_or_default();
    format!("\n{}\nexport {}\n", docs.trim_end(), T::decl(config))
}

fn declarations() -> String {
    let config = Config::new().with_large_int("number");
    let version = format!("\n/** The version of a task's record. */\nexport const TASK_VERSION = {TASK_VERSION};\n");
    let types = [
        declaration::<Task>,
        declaration::<Source>,
        declaration::<Shifted>,
        declaration::<RowRange>,
        declaration::<Work>,
        declaration::<Artifact>,
        declaration::<Scoring>,
        declaration::<Flag>,
        declaration::<PartFormat>,
        declaration::<Compression>,
        declaration::<Receipt>,
        declaration::<Yield>,
        declaration::<Summary>,
        declaration::<Part>,
        declaration::<PartFile>,
        declaration::<Findings>,
        declaration::<BestRecord>,
        declaration::<ReasonRecord>,
        declaration::<Verified>,
        declaration::<RowGroupRecord>,
    ];
    let text = types.iter().fold(format!("{HEAD}{version}"), |text, declaration| text + &declaration(&config));
    // What is said in a line takes one, and the name of a tag no quotes.
    let text = text.replace("/**\n * ", "/** ").replace("\n */", " */");
    ["kind", "rule", "codec"].iter().fold(text, |text, tag| text.replace(&format!("\"{tag}\":"), &format!("{tag}:")))
}

/// The text without what a formatter may change.
fn tokens(text: &str) -> String {
    let text = text.replace('"', "'");
    text.chars().filter(|c| !c.is_whitespace() && !",;|*/()".contains(*c)).collect()
}

#[test]
fn the_types_of_typescript_are_those_of_rust() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../src/bindings/task.ts");
    let declarations = declarations();
    if std::env::var_os("BATCH_CORE_UPDATE").is_some() {
        std::fs::write(&path, &declarations).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(tokens(&written), tokens(&declarations), "{} is not what Rust says", path.display());
}
