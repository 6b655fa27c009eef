//! Layer 0 in a program without the standard library. The program uses `core`, `alloc`, the C library's heap and `abort`, and
//! its own panic handler.
//!
//! It stands for firmware, and for a C program that embeds coroutines. If the crate used `std`, the program would not link,
//! because there would be two panic handlers. The program also runs, and exits with 0 only if the coroutines behave.

#![no_std]
#![no_main]

extern crate alloc;

use alloc::string::ToString;
use alloc::vec::Vec;
use core::alloc::{GlobalAlloc, Layout};
use core::ffi::{c_int, c_void};
use core::panic::PanicInfo;

use innermost::coroutine::FromIter;
use innermost::{
    Call, Coroutine, Exception, Generator, Kind, Machine, Resumed, Step, Stop, from_iter, machine, yield_from,
};

#[link(name = "c")]
unsafe extern "C" {
    fn aligned_alloc(align: usize, size: usize) -> *mut c_void;
    fn free(block: *mut c_void);
    fn abort() -> !;
}

struct FromC;

// SAFETY: `aligned_alloc` gives a block of its own, of at least the size and the alignment asked for, or null; the
// block stays until `free`, which is called once, with what was given.
unsafe impl GlobalAlloc for FromC {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let align = layout.align().max(align_of::<usize>());
        // SAFETY: the alignment is a power of two, at least a pointer's, and divides the size.
        unsafe { aligned_alloc(align, layout.size().next_multiple_of(align)).cast() }
    }

    unsafe fn dealloc(&self, block: *mut u8, _: Layout) {
        // SAFETY: the caller gives what `alloc` gave, once.
        unsafe { free(block.cast()) }
    }
}

#[global_allocator]
static ALLOCATOR: FromC = FromC;

#[panic_handler]
fn panicked(_: &PanicInfo<'_>) -> ! {
    // SAFETY: it has no preconditions.
    unsafe { abort() }
}

/// Counts `n` down, each number in a frame of its own, then yields the two numbers of an inline child.
enum Countdown {
    At(u32),
    Calling(Call<Countdown>),
    Inline(FromIter<core::ops::Range<u32>>),
}

impl Coroutine for Countdown {
    type Yield = u32;
    type Input = ();
    type Return = u32;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            match self {
                Self::At(0) => *self = Self::Inline(from_iter(100..102)),
                Self::At(n) => {
                    let n = *n;
                    *self = Self::Calling(Call::new(Self::At(n - 1)));
                    return Ok(Step::Yield(n));
                }
                Self::Calling(rest) => return Ok(Step::Return(yield_from!(rest, sent)? + 1)),
                Self::Inline(two) => {
                    yield_from!(two, sent)?;
                    return Ok(Step::Return(0));
                }
            }
        }
    }
}

/// Yields 1, what a child yields, and the number that it kept.
struct Stages;

machine!(
    impl Machine for Stages {
        type Yield = u32;
        type State = Stage;

        fn First(&mut self) -> Next<Second> {
            yield_to(1, Second(from_iter(2..4), 4))
        }

        fn Second(&mut self, outcome: Outcome<FromIter<core::ops::Range<u32>>>, kept: u32) -> Next<Third> {
            outcome?;
            yield_to(kept, Third)
        }

        fn Third(&mut self) -> Next<End> {
            end(())
        }
    }
);

fn run() -> Result<(), Exception> {
    let yielded: Vec<u32> = Generator::new(Stages.start(Stage::First)).collect::<Result<_, _>>()?;
    assert_eq!(yielded, [1, 2, 3, 4]);

    let yielded: Vec<u32> = Generator::new(Countdown::At(3)).collect::<Result<_, _>>()?;
    assert_eq!(yielded, [3, 2, 1, 100, 101]);

    let mut counting = Generator::new(Countdown::At(1000));
    let returned = loop {
        match counting.next() {
            Ok(_) => {}
            Err(Stop::Returned(returned)) => break returned,
            Err(stop) => return Err(stop.into()),
        }
    };
    assert_eq!(returned, 1000);

    let mut counting = Generator::new(Countdown::At(5));
    counting.next()?;
    counting.next()?;
    assert!(counting.stack_trace().to_string().contains("Countdown"));
    let thrown = counting.throw(Exception::message(Kind::ValueError, "enough"));
    assert!(matches!(thrown, Err(Stop::Raised(raised)) if raised.to_string() == "enough"));
    Ok(())
}

/// Called by the C runtime.
#[unsafe(no_mangle)]
extern "C" fn main(_argc: c_int, _argv: *const *const u8) -> c_int {
    c_int::from(run().is_err())
}
