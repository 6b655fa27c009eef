//! Requests beyond the limit of one system call. The first part is transferred, and nothing is refused.

use std::io::{IoSlice, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net as unix;

use innermost::net::PipeWriter;
use innermost::{ByteWrite, Step, TcpStream, UnixStream, yield_from};

use crate::support::connections::{new_loop, pair, run};

/// Sends all of `parts` as slices. Returns the bytes that arrive.
fn sent_in_slices(stream: impl ByteWrite + 'static, mut far: impl Read, parts: Vec<Vec<u8>>) -> Vec<u8> {
    let total: usize = parts.iter().map(Vec::len).sum();
    let mut sent_bytes = 0;
    let calls = run(&new_loop(), {
        let mut calls = 0;
        move |mut sent| {
            while sent_bytes < total {
                let mut skipped = sent_bytes;
                let slices: Vec<_> = parts
                    .iter()
                    .map(|part| {
                        let behind = skipped.min(part.len());
                        skipped -= behind;
                        IoSlice::new(&part[behind..])
                    })
                    .collect();
                let count = yield_from!(stream.send_vectored(&slices), sent)?;
                assert!(count > 0, "there was something to send");
                sent_bytes += count;
                calls += 1;
            }
            Ok(Step::Return(calls))
        }
    })
    .expect("nothing is refused");
    assert!(calls >= total.min(2));
    let mut received = vec![0; total];
    far.read_exact(&mut received).unwrap();
    received
}

/// More than the 1024 that a call takes, each of another byte.
fn many() -> Vec<Vec<u8>> {
    (0..3000_u32).map(|number| vec![number as u8]).collect()
}

#[test]
fn more_slices_than_a_call_takes_are_sent_in_several_calls() {
    let (near, far) = pair();
    assert_eq!(sent_in_slices(near, far, many()), many().concat());
    let (near, far) = unix::UnixStream::pair().unwrap();
    assert_eq!(sent_in_slices(UnixStream::from_std(near).unwrap(), far, many()), many().concat());
    let (far, near) = std::io::pipe().unwrap();
    assert_eq!(sent_in_slices(PipeWriter::try_from(OwnedFd::from(near)).unwrap(), far, many()), many().concat());
}

#[test]
fn slices_behind_more_empty_ones_than_a_call_takes_are_sent() {
    let parts = || {
        let mut parts = vec![vec![]; 2000];
        parts.extend(many());
        parts.insert(2500, vec![]);
        parts
    };
    let (near, far) = pair();
    assert_eq!(sent_in_slices(near, far, parts()), parts().concat());
    let (far, near) = std::io::pipe().unwrap();
    assert_eq!(sent_in_slices(PipeWriter::try_from(OwnedFd::from(near)).unwrap(), far, parts()), parts().concat());
}

#[test]
fn sending_no_slices_or_empty_ones_does_nothing() {
    let (near, _far) = unix::UnixStream::pair().unwrap();
    let near = TcpStream::from_std(OwnedFd::from(near).into()).unwrap();
    let count = run(&new_loop(), move |mut sent| {
        let count = yield_from!(near.send_vectored(&[]), sent)?;
        Ok(Step::Return(count))
    });
    assert_eq!(count.unwrap(), 0);
}

#[test]
fn an_impossible_buffer_size_sets_the_systems_maximum() {
    let (near, _far) = pair();
    near.set_send_buffer_size(1 << 20).unwrap();
    near.set_recv_buffer_size(1 << 20).unwrap();
    let most = (near.send_buffer_size().unwrap(), near.recv_buffer_size().unwrap());
    near.set_send_buffer_size(usize::MAX).unwrap();
    near.set_recv_buffer_size(usize::MAX).unwrap();
    assert!(near.send_buffer_size().unwrap() >= most.0);
    assert!(near.recv_buffer_size().unwrap() >= most.1);
}
