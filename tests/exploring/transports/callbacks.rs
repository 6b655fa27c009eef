//! The order of a protocol's callbacks, whoever ends the connection, and when.

use std::os::unix::net::UnixStream;

use innermost::testing::Sim;
use innermost::{CoroutineExt, Exception, Protocol, Transport, end, from_fn, lazy, transport::AfterEof, yield_from};
use socket2::SockRef;

use super::{BLOCK, check_number};
use crate::common::{Count, Log, every_within, rest, start, turn};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Called {
    Made,
    Data,
    Eof,
    Pause,
    Resume,
    Lost,
}

use Called::{Data, Eof, Lost, Made, Pause, Resume};

struct Recorder {
    calls: Log<Called>,
    after_eof: AfterEof,
}

impl Protocol for Recorder {
    fn connection_made(&mut self, _: &Transport) {
        self.calls.push(Made);
    }

    fn data_received(&mut self, _: &Transport, _: &[u8]) {
        self.calls.push(Data);
    }

    fn eof_received(&mut self, _: &Transport) -> AfterEof {
        self.calls.push(Eof);
        self.after_eof
    }

    fn pause_writing(&mut self, _: &Transport) {
        self.calls.push(Pause);
    }

    fn resume_writing(&mut self, _: &Transport) {
        self.calls.push(Resume);
    }

    fn connection_lost(&mut self, _: &Transport, _: Option<Exception>) {
        self.calls.push(Lost);
    }
}

/// Made first, lost last, each once; pauses and resumes in turn; no data after the end of the stream.
fn check(calls: &[Called]) {
    let count = |what| calls.iter().filter(|call| **call == what).count();
    assert_eq!((calls.first(), calls.last()), (Some(&Made), Some(&Lost)), "{calls:?}");
    assert_eq!((count(Made), count(Lost)), (1, 1), "{calls:?}");
    assert!(count(Eof) <= 1, "{calls:?}");
    let end = calls.iter().position(|call| *call == Eof).unwrap_or(calls.len());
    assert!(!calls[end..].contains(&Data), "{calls:?}");
    let flow: Vec<_> = calls.iter().filter(|call| matches!(call, Pause | Resume)).collect();
    assert!(
        flow.chunks(2).all(|pair| pair[0] == &Pause && pair.get(1).is_none_or(|next| *next == &Resume)),
        "{calls:?}"
    );
}

fn connect(sim: &Sim, socket: UnixStream, calls: &Log<Called>, after_eof: AfterEof) -> Result<Transport, Exception> {
    SockRef::from(&socket).set_send_buffer_size(1)?;
    let calls = calls.clone();
    let transport = sim.run(sim.connect_accepted_socket(move || Recorder { calls, after_eof }, socket)?)?;
    transport.set_write_buffer_limits(Some(0), None)?;
    Ok(transport)
}

/// What a task does to its end of the connection, after a turn each.
type Act = fn(&Transport);

fn acting(transport: Transport, acts: Vec<Act>) -> impl innermost::Awaitable<Return = ()> {
    let (mut acts, mut pause) = (acts.into_iter(), turn());
    from_fn(move |mut sent| {
        loop {
            yield_from!(pause, sent)?;
            pause = turn();
            let Some(act) = acts.next() else { return end(()) };
            act(&transport);
        }
    })
}

#[test]
fn callbacks_come_in_their_order_however_a_connection_ends() {
    let write: Act = |transport| transport.write(&[0; BLOCK]).expect("writing is not over");
    let pauses: Act = |transport| transport.pause_reading();
    let resumes: Act = |transport| transport.resume_reading();
    let ends: Act = |transport| drop(transport.write_eof());
    let schedules = [AfterEof::Close, AfterEof::KeepOpen].map(|after_eof| {
        every_within(1, |sim| {
            let (near, far) = UnixStream::pair()?;
            let (here, there) = (Log::default(), Log::default());
            let near = connect(sim, near, &here, after_eof)?;
            let far = connect(sim, far, &there, after_eof)?;
            let last: Act = [ends, |transport| transport.close(), |transport| transport.abort()][sim.choose(3)];
            start(sim, "near", &Count::default(), acting(near.clone(), vec![write, last]))?;
            start(sim, "far", &Count::default(), acting(far.clone(), vec![pauses, write, resumes]))?;
            // Most connections are over by then.
            let closing = lazy(rest).map(move |()| {
                near.close();
                far.close();
            });
            start(sim, "end", &Count::default(), closing.then(|()| lazy(rest)))?;
            sim.finally(move || {
                check(&here.events());
                check(&there.events());
            });
            Ok(())
        })
    });
    check_number(schedules, [35, 36]);
}
