//! Bytes as a forest to import. What is read must be a model that reads back, and scores.
#![no_main]

use batch_core_fuzz::{scores, sound};
use batch_core_import::{Wishes, import};
use batch_core_kernels::Model;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for columns in 1..4 {
        let columns = (0..columns).map(|column| format!("x{column}")).collect();
        if let Ok(model) = import(bytes, &Wishes { columns: Some(columns), ..Wishes::default() }) {
            assert!(sound(&scores(&model)));
            let read = Model::from_bytes(&model.to_bytes()).expect("what is written is read");
            assert_eq!(read, model);
        }
    }
});
