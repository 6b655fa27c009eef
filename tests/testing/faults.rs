//! A small protocol with faults to order, as a machine without I/O and as one over a stream.
//!
//! The machine counts lines. It answers each line, and ends at an empty line. The faults are those that real machines have.

use std::panic::{AssertUnwindSafe, catch_unwind};

use innermost::testing::MemoryStream;
use innermost::{
    Await, Buffer, ByteRead, ByteWrite, Coroutine, Exception, Resumed, State, Step, take_sent, yield_from,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// It forgets the beginning of a line when the rest is not there yet.
    LosesBytes,
    /// It asks for more for ever at the end of the input.
    HangsAtTheEnd,
    /// It continues when it is closed.
    IgnoresExit,
    /// It says goodbye when it is closed.
    YieldsWhileClosing,
    /// It panics if a line arrives in two parts.
    Panics,
    /// It waits for something that never happens.
    WaitsForEver,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Want {
    Bytes,
    Answer(String),
}

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    Created,
    Reading,
    Answering,
    Leaving,
}

/// Is sent bytes, none at the end. Returns the number of lines.
pub(crate) struct Lines {
    fault: Fault,
    phase: Phase,
    bytes: Vec<u8>,
    count: usize,
}

impl Lines {
    pub(crate) fn new(fault: Fault) -> Self {
        Self { fault, phase: Phase::Created, bytes: Vec::new(), count: 0 }
    }

    fn caught(&mut self, thrown: Exception) -> Resumed<Self> {
        match self.fault {
            Fault::IgnoresExit if thrown.is_generator_exit() => Ok(Step::Yield(Want::Bytes)),
            Fault::YieldsWhileClosing if thrown.is_generator_exit() && self.phase != Phase::Leaving => {
                self.phase = Phase::Leaving;
                Ok(Step::Yield(Want::Answer("bye".into())))
            }
            _ => Err(thrown),
        }
    }
}

/// Takes the next line out of `bytes`. `None` if it is not complete.
fn take_line(bytes: &mut Vec<u8>) -> Option<String> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let line = bytes.drain(..=end).take(end).collect();
    Some(String::from_utf8(line).expect("the tests send text"))
}

fn cut_off() -> Exception {
    std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()
}

impl Coroutine for Lines {
    type Yield = Want;
    type Input = Vec<u8>;
    type Return = usize;

    fn resume(&mut self, sent: Result<Vec<u8>, Exception>) -> Resumed<Self> {
        let piece = match sent {
            Ok(piece) => piece,
            Err(thrown) => return self.caught(thrown),
        };
        if self.phase == Phase::Reading && piece.is_empty() && self.fault != Fault::HangsAtTheEnd {
            return Err(cut_off());
        }
        if self.fault == Fault::Panics && !self.bytes.is_empty() && self.phase == Phase::Reading {
            panic!("a line in two parts");
        }
        self.bytes.extend(piece);
        match take_line(&mut self.bytes) {
            Some(line) if line.is_empty() => Ok(Step::Return(self.count)),
            Some(line) => {
                self.phase = Phase::Answering;
                self.count += 1;
                Ok(Step::Yield(Want::Answer(line.to_uppercase())))
            }
            None => {
                self.phase = Phase::Reading;
                if self.fault == Fault::LosesBytes {
                    self.bytes.clear();
                }
                Ok(Step::Yield(Want::Bytes))
            }
        }
    }

    fn state(&self) -> State<'_> {
        State::new("Lines", &self.phase)
    }
}

/// The same over a stream.
pub(crate) struct Connection {
    stream: MemoryStream,
    fault: Fault,
    phase: Phase,
    incoming: Buffer,
    outgoing: Buffer,
    count: usize,
}

impl Connection {
    pub(crate) fn new(stream: MemoryStream, fault: Fault) -> Self {
        let (incoming, outgoing) = (Buffer::new(), Buffer::new());
        Self { stream, fault, phase: Phase::Created, incoming, outgoing, count: 0 }
    }
}

impl Coroutine for Connection {
    type Yield = Await;
    type Input = ();
    type Return = usize;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if sent.as_ref().is_err_and(Exception::is_generator_exit) {
            match self.fault {
                Fault::IgnoresExit => drop(take_sent(&mut sent)),
                Fault::YieldsWhileClosing => {
                    drop(take_sent(&mut sent));
                    self.outgoing = Buffer::from(b"bye\n".to_vec());
                    self.phase = Phase::Leaving;
                }
                _ => {}
            }
        }
        loop {
            match self.phase {
                Phase::Created => self.phase = Phase::Reading,
                Phase::Reading => {
                    let mut bytes = self.incoming.bytes().to_vec();
                    let length = bytes.len();
                    match take_line(&mut bytes) {
                        Some(line) if line.is_empty() => return Ok(Step::Return(self.count)),
                        Some(line) => {
                            self.incoming.consume(length - bytes.len());
                            self.outgoing = Buffer::from(format!("{}\n", line.to_uppercase()).into_bytes());
                            self.count += 1;
                            self.phase = Phase::Answering;
                        }
                        None => {
                            if self.fault == Fault::Panics && length > 0 {
                                panic!("a line in two parts");
                            }
                            let read = yield_from!(self.stream.read(&mut self.incoming), sent)?;
                            if self.fault == Fault::LosesBytes {
                                self.incoming.consume(length);
                            }
                            if read == 0 && self.fault == Fault::WaitsForEver {
                                let event_loop = innermost::EventLoop::running()?;
                                let mut never = event_loop.create_future::<()>();
                                return never.resume(Ok(())).map(|step| match step {
                                    Step::Yield(waits) => Step::Yield(waits),
                                    _ => unreachable!("it is never done"),
                                });
                            }
                            if read == 0 && self.fault != Fault::HangsAtTheEnd {
                                return Err(cut_off());
                            }
                        }
                    }
                }
                Phase::Answering => {
                    yield_from!(self.stream.write_all(&mut self.outgoing), sent)?;
                    self.phase = Phase::Reading;
                }
                Phase::Leaving => {
                    yield_from!(self.stream.write_all(&mut self.outgoing), sent)?;
                    return Err(Exception::generator_exit());
                }
            }
        }
    }

    fn state(&self) -> State<'_> {
        State::new("Connection", &self.phase)
    }
}

/// The message of the panic that must end `run`.
pub(crate) fn failure(run: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(run)).expect_err("the fault is found");
    match panic.downcast::<String>() {
        Ok(formatted) => *formatted,
        Err(panic) => (*panic.downcast::<&str>().expect("a panic has a message")).to_owned(),
    }
}
