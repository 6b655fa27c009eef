//! Reads a file in pieces of 64 KiB, and another one line by line. Prints the nanoseconds of each piece and of each line.

use std::time::Instant;

use tokio::fs::File;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

fn main() {
    let mut paths = std::env::args().skip(1);
    let mut opened = || File::open(paths.next().expect("two paths"));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("there are descriptors");
    runtime.block_on(async {
        let mut file = opened().await.expect("it is there");
        // Otherwise each piece is read into a larger buffer than it needs.
        file.set_max_buf_size(64 * 1024);
        let (mut bytes, mut pieces, began) = (vec![0; 64 * 1024], 0, Instant::now());
        while file.read(&mut bytes).await.expect("it can be read") > 0 {
            std::hint::black_box(&bytes);
            pieces += 1;
        }
        let piece = began.elapsed().as_nanos() / pieces;
        let file = opened().await.expect("it is there");
        let mut lines = BufReader::with_capacity(64 * 1024, file).lines();
        let (mut count, began) = (0, Instant::now());
        while let Some(line) = lines.next_line().await.expect("it is text") {
            std::hint::black_box(line);
            count += 1;
        }
        println!("{piece} {}", began.elapsed().as_nanos() / count);
    });
}
