//! What files need beyond the standard library: reading without waiting for a disk, and closing with a result.

use std::fs::File;
use std::io;
use std::os::fd::{IntoRawFd, OwnedFd};

use super::syscall;

/// Flags for opening a file. Opening and reading fail rather than wait, and a terminal does not become that of the process.
pub(crate) const OPEN_FLAGS: i32 = libc::O_NONBLOCK | libc::O_NOCTTY;

/// A flag for opening a directory: opens a file in it that has no name. `None` on systems without such files.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) const UNNAMED: Option<i32> = Some(libc::O_TMPFILE);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) const UNNAMED: Option<i32> = None;

/// What a read that does not wait has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(all(target_os = "linux", not(innermost_poll))), expect(dead_code, reason = "nothing is read here"))]
pub(crate) enum Cached {
    /// This many bytes; 0 at the end of the file.
    Bytes(usize),
    /// The bytes are not in memory, or the read must be repeated for another reason.
    Elsewhere,
    /// The system cannot read this file without waiting.
    Unsupported,
}

/// Reads what is in the page cache (`preadv2(2)` with `RWF_NOWAIT`), and never waits for a disk.
#[cfg(all(target_os = "linux", not(innermost_poll)))]
pub(crate) fn read_cached(file: &File, bytes: &mut [u8], offset: u64) -> Cached {
    use std::os::fd::AsRawFd;

    // `sync_file_range`, `fadvise` and `mincore` cannot answer this: a page may be evicted between the question and the
    // read.
    if i64::try_from(offset).is_err() {
        // The kernel would take the greatest number for "at the descriptor's position".
        return Cached::Elsewhere;
    }
    let room = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    let flags = libc::c_long::from(libc::RWF_NOWAIT);
    // The kernel takes the offset in two halves. On 64-bit systems, the first has all of it, and the second is ignored.
    let (low, high) = (offset as libc::c_ulong, (offset >> 32) as libc::c_ulong);
    // SAFETY: the descriptor is open, because the file is borrowed. `room` is one vector, which points to `bytes`. The
    // kernel may write those bytes until the call returns. The numbers have the width that the kernel expects. The call is
    // made by number, because not every C library has a function for it.
    let read =
        unsafe { syscall!(syscall(libc::SYS_preadv2, file.as_raw_fd(), &raw const room, 1_usize, low, high, flags)) };
    match read {
        // Some kernels return 0 for bytes that are not in memory. Asking for the size does not wait, because only local file
        // systems support this read.
        Ok(0) if !bytes.is_empty() => match file.metadata() {
            Ok(metadata) if metadata.len() <= offset => Cached::Bytes(0),
            _ => Cached::Elsewhere,
        },
        Ok(count) => Cached::Bytes(count as usize),
        Err(error) => match error.raw_os_error() {
            Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::EPERM) => Cached::Unsupported,
            _ => Cached::Elsewhere,
        },
    }
}

#[cfg(not(all(target_os = "linux", not(innermost_poll))))]
pub(crate) fn read_cached(_: &File, _: &mut [u8], _: u64) -> Cached {
    Cached::Unsupported
}

/// Closes a descriptor, and returns the error that its destructor would ignore: some file systems report there that earlier
/// writes have failed.
///
/// # Errors
///
/// The errors of `close(2)`. The descriptor is closed all the same.
pub(crate) fn close(fd: OwnedFd) -> io::Result<()> {
    // SAFETY: the caller owned the descriptor, and it is not used after this, whatever the call returns.
    match unsafe { syscall!(close(fd.into_raw_fd())) } {
        // The descriptor is closed already. Trying again could close somebody else's.
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
        result => result.map(drop),
    }
}

#[cfg(all(test, target_os = "linux", not(innermost_poll)))]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_cached_read_brings_bytes_then_the_end_and_refuses_what_it_cannot_read() {
        let path = std::env::temp_dir().join(format!("innermost-cached-{}", std::process::id()));
        let mut file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        file.write_all(b"cached").unwrap();
        let mut bytes = [0; 8];
        assert_eq!((read_cached(&file, &mut bytes, 2), &bytes[..4]), (Cached::Bytes(4), &b"ched"[..]));
        assert_eq!(read_cached(&file, &mut bytes, 6), Cached::Bytes(0));
        assert_eq!(read_cached(&file, &mut [], 0), Cached::Bytes(0));
        assert_eq!(
            read_cached(&file, &mut bytes, u64::MAX),
            Cached::Elsewhere,
            "the system's error comes from a thread"
        );
        let status = File::open("/proc/self/status").unwrap();
        assert_eq!(read_cached(&status, &mut bytes, 0), Cached::Unsupported);
    }

    #[test]
    fn a_bad_descriptor_is_an_error_of_close() {
        use std::os::fd::{AsRawFd, FromRawFd};

        let file = File::open("/dev/null").unwrap();
        // A number that no other thread opens meanwhile.
        let number = 987;
        // SAFETY: the number is not in use in this program, and nothing else owns it after the call.
        assert_eq!(unsafe { libc::dup2(file.as_raw_fd(), number) }, number);
        // SAFETY: the call above has made it.
        let fd = unsafe { OwnedFd::from_raw_fd(number) };
        // SAFETY: the same number; `close` below finds it closed.
        unsafe { libc::close(number) };
        assert_eq!(close(fd).unwrap_err().raw_os_error(), Some(libc::EBADF));
        assert!(close(file.into()).is_ok());
    }
}
