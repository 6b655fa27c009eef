//! Reads a file in pieces of 64 KiB, and another one line by line. Prints the nanoseconds of each piece and of each line.

use std::time::Instant;

use innermost::async_iter::AsyncIterator;
use innermost::fs::{OpenOptions, open};
use innermost::{Buffer, CoroutineExt, Step, from_fn, run, yield_from};

fn main() {
    let mut paths = std::env::args().skip(1);
    let mut opened = || open(paths.next().expect("two paths"), OpenOptions::new().read(true));
    let (mut buffer, mut pieces, mut began) = (Buffer::new(), 0, None);
    let reading = opened().then(move |mut file| {
        from_fn(move |mut sent| {
            let began = *began.get_or_insert_with(Instant::now);
            while yield_from!(file.read(&mut buffer), sent)? > 0 {
                std::hint::black_box(buffer.bytes());
                buffer.clear();
                pieces += 1;
            }
            Ok(Step::Return(began.elapsed().as_nanos() / pieces))
        })
    });
    let piece = run(reading).expect("it can be read");
    let (mut count, mut began) = (0, None);
    let reading = opened().then(move |file| {
        let mut lines = file.lines();
        from_fn(move |mut sent| {
            let began = *began.get_or_insert_with(Instant::now);
            while let Some(line) = yield_from!(lines.next(), sent)? {
                std::hint::black_box(line);
                count += 1;
            }
            Ok(Step::Return(began.elapsed().as_nanos() / count))
        })
    });
    println!("{piece} {}", run(reading).expect("it is text"));
}
