//! How often a file allocates: never for a read that finds its bytes in the page cache.

use innermost::fs::File;
use innermost::{Buffer, Step, from_fn, yield_from};

use crate::event_loop::{measured, test_loop};

#[test]
fn a_cached_read_into_a_given_buffer_allocates_nothing() {
    let event_loop = test_loop();
    let run = || {
        let mut file = File::from_std(std::fs::File::open("Cargo.toml").unwrap(), "Cargo.toml").unwrap();
        let mut buffer = Buffer::new();
        let round = from_fn(move |mut sent| {
            yield_from!(file.read_at(3, &mut buffer), sent)?;
            yield_from!(file.read_at(1 << 30, &mut buffer), sent)?;
            buffer.clear();
            Ok(Step::Return(()))
        });
        event_loop.run_until_complete(measured(round)).unwrap()
    };
    // In the first run, the queue of the loop grows once.
    run();
    assert_eq!(run(), 0);
}
