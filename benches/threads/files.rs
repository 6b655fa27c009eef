//! The cost of reading files, beside the standard library, which blocks.
//!
//! Run it with `cargo bench --bench threads -- files`. The files are in the page cache, so this measures what is left to a library: on a disk
//! that must be waited for, the disk decides. Compare figures of one run only.
//!
//! | line | measures |
//! |---|---|
//! | `cached_reads`, `.._blocking` | 1,000 reads of 64 KiB at random places of a file of 64 MiB |
//! | `thread_reads` | the same where every read takes a job of a thread |
//! | `lines`, `.._blocking` | the lines of a log of 100 MB |
//! | `metadata`, `.._blocking` | a job of a thread beside the system call |

use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader, BufWriter, Seek, Write};
use std::os::unix::fs::FileExt;
use std::rc::Rc;
use std::sync::OnceLock;

use divan::Bencher;
use innermost::async_iter::AsyncIterator;
use innermost::fs::{File, metadata};
use innermost::{Buffer, EventLoop, Step, from_fn, yield_from};

const READS: u64 = 1000;
const SIZE: u64 = 64 << 20;
const PIECE: u64 = 64 << 10;

/// A file of 64 MiB.
fn data() -> fs::File {
    static DATA: OnceLock<fs::File> = OnceLock::new();
    let write = |file: &fs::File| (&*file).write_all(&vec![b'x'; SIZE as usize]);
    made_once(&DATA, "data", write)
}

/// A log of 100 MB: lines of 20 to 180 bytes.
fn log() -> fs::File {
    static LOG: OnceLock<fs::File> = OnceLock::new();
    made_once(&LOG, "log", |file| {
        let (mut log, mut length) = (BufWriter::new(file), 0);
        for number in 0_usize.. {
            let line = format!("{number:010} {}\n", "a line of a log ".repeat(1 + number * 7 % 11));
            length += line.len();
            log.write_all(line.as_bytes())?;
            if length > 100_000_000 {
                break;
            }
        }
        log.flush()
    })
}

/// Makes a file without a name when it is first asked for. Each caller gets a descriptor of its own.
fn made_once(once: &OnceLock<fs::File>, name: &str, write: impl FnOnce(&fs::File) -> std::io::Result<()>) -> fs::File {
    let file = once.get_or_init(|| {
        let path = std::env::temp_dir().join(format!("innermost-bench-{}-{name}", std::process::id()));
        let file =
            fs::File::options().read(true).write(true).create_new(true).open(&path).expect("nobody uses the name");
        fs::remove_file(path).expect("it was created");
        write(&file).expect("there is room");
        file
    });
    let mut another = file.try_clone().expect("a descriptor is free");
    another.rewind().expect("it is a file");
    another
}

/// Where each read begins.
fn places() -> impl Iterator<Item = u64> {
    (0..READS).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % (SIZE - PIECE))
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn cached_reads(bencher: Bencher) {
    let event_loop = EventLoop::new().expect("there are descriptors");
    let file = Rc::new(RefCell::new((File::from_std(data(), "data").expect("it is a file"), Buffer::new())));
    bencher.counter(READS).bench_local(|| {
        let (file, mut places) = (Rc::clone(&file), places());
        let mut place = None;
        event_loop.run_until_complete(from_fn(move |mut sent| {
            let (file, buffer) = &mut *file.borrow_mut();
            loop {
                if place.is_none() {
                    place = places.next();
                }
                let Some(offset) = place else { return Ok(Step::Return(())) };
                yield_from!(file.read_at(offset, buffer), sent)?;
                divan::black_box(buffer.bytes());
                buffer.clear();
                place = None;
            }
        }))
    });
}

/// As on systems that cannot read from the cache alone.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn thread_reads(bencher: Bencher) {
    let event_loop = EventLoop::new().expect("there are descriptors");
    let file = Rc::new(RefCell::new(data()));
    bencher.counter(READS).bench_local(|| {
        let (file, mut places) = (Rc::clone(&file), places());
        let mut reading = None;
        event_loop.run_until_complete(from_fn(move |mut sent| {
            loop {
                if reading.is_none() {
                    let Some(place) = places.next() else { return Ok(Step::Return(())) };
                    let another = file.borrow().try_clone()?;
                    reading = Some(innermost::fs::blocking(move || {
                        let mut bytes = vec![0; PIECE as usize];
                        another.read_exact_at(&mut bytes, place)?;
                        Ok(bytes)
                    }));
                }
                let current = reading.as_mut().expect("set above");
                divan::black_box(yield_from!(current, sent)?);
                reading = None;
            }
        }))
    });
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn cached_reads_blocking(bencher: Bencher) {
    let (file, mut bytes) = (data(), vec![0; PIECE as usize]);
    bencher.counter(READS).bench_local(|| {
        for place in places() {
            file.read_exact_at(&mut bytes, place).expect("it is long enough");
            divan::black_box(&bytes);
        }
    });
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn lines(bencher: Bencher) {
    let event_loop = EventLoop::new().expect("there are descriptors");
    bencher.bench_local(|| {
        let mut lines = File::from_std(log(), "log").expect("it is a file").lines();
        let mut length = 0;
        event_loop.run_until_complete(from_fn(move |mut sent| {
            while let Some(line) = yield_from!(lines.next(), sent)? {
                length += divan::black_box(line).len();
            }
            Ok(Step::Return(length))
        }))
    });
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn lines_blocking(bencher: Bencher) {
    bencher.bench_local(|| {
        let lines = BufReader::new(log()).lines();
        lines.map(|line| divan::black_box(line.expect("it is text")).len()).sum::<usize>()
    });
}

#[divan::bench(sample_count = 100, sample_size = 10)]
fn metadata_in_a_thread(bencher: Bencher) {
    let event_loop = EventLoop::new().expect("there are descriptors");
    bencher.bench_local(|| event_loop.run_until_complete(metadata("Cargo.toml")));
}

#[divan::bench(sample_count = 100, sample_size = 10)]
fn metadata_blocking(bencher: Bencher) {
    bencher.bench_local(|| fs::metadata("Cargo.toml"));
}
