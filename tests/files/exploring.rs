//! Files in loops that are explored, in every order and with a cancel at every suspension.

use std::cell::RefCell;
use std::fs;
use std::rc::Rc;

use innermost::fs::{File, write_atomically};
use innermost::testing::explore;
use innermost::{Buffer, Step, from_fn, yield_from};

use crate::help::Place;

/// Whatever is cancelled, the file has a beginning of the bytes, and the buffer has the rest.
#[test]
fn a_write_that_is_cancelled_anywhere_neither_loses_nor_repeats_a_byte() {
    let place = Place::new();
    let path = place.file("");
    explore(|sim| {
        fs::write(&path, "")?;
        let file = File::from_std(fs::File::options().read(true).write(true).open(&path)?, &path)?;
        let shared = Rc::new(RefCell::new((file, Buffer::from(b"first".to_vec()))));
        let writing = Rc::clone(&shared);
        let task = sim.create_task(from_fn(move |mut sent| {
            let (file, buffer) = &mut *writing.borrow_mut();
            yield_from!(file.write_all(buffer), sent).map(Step::Return)
        }))?;
        let cancelling = task.clone();
        sim.call_soon(move || {
            cancelling.cancel();
        })?;
        let path = path.clone();
        sim.finally(move || {
            let shared = shared.borrow();
            let written = fs::read(&path).unwrap();
            assert_eq!([&written, shared.1.bytes()].concat(), b"first");
            assert_eq!(shared.0.position(), written.len() as u64);
        });
        Ok(())
    })
    .run();
}

#[test]
fn a_replacement_that_is_cancelled_anywhere_leaves_one_file() {
    let place = Place::new();
    let path = place.file("");
    explore(|sim| {
        fs::write(&path, "old")?;
        let task = sim.create_task(write_atomically(&path, "new"))?;
        sim.call_soon(move || {
            task.cancel();
        })?;
        let path = path.clone();
        sim.finally(move || {
            assert!(["old", "new"].contains(&fs::read_to_string(&path).unwrap().as_str()));
            assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        });
        Ok(())
    })
    .run();
}
