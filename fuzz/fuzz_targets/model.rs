//! Bytes as a model file, and as the payload of one whose digests are right. What is read must score.
#![no_main]

use batch_core_fuzz::{scores, sealed, sound};
use batch_core_kernels::Model;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for file in [bytes.to_vec(), sealed(bytes)] {
        if let Ok(model) = Model::from_bytes(&file) {
            assert!(sound(&scores(&model)));
            // Some formats are written again in another way, but never as another model.
            let read = Model::from_bytes(&model.to_bytes()).expect("what is written is read");
            assert_eq!(read.digest(), model.digest());
        }
    }
});
