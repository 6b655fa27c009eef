//! Servers of the library over Unix sockets, which the examples do not serve, with clients written by others.

use std::path::Path;
use std::process::Command;

use innermost::transport::AfterEof;
use innermost::{
    Await, Buffer, ByteRead, ByteWrite, Coroutine, EventLoop, Exception, Protocol, Step, StreamReader, StreamWriter,
    Transport, UnixListener, UnixStream, from_fn, spawn, to_thread, yield_from,
};

use crate::real_clients::programs::{MIB, assert_same, bytes, free_path, new_loop};
use crate::support::tools::{filtered, needs, tool};

/// Each client sends, ends its stream, and must get back what it has sent. They run in a thread, since the loop serves.
fn check_with_clients(event_loop: &EventLoop, path: &Path) {
    let address = format!("UNIX-CONNECT:{}", path.display());
    let (mut nc, mut socat) = (tool("nc"), tool("socat"));
    nc.arg("-N").arg("-U").arg(path);
    socat.args(["-t30", "-", &address]);
    let clients: [Command; 2] = [nc, socat];
    for mut client in clients {
        let sent = bytes(3 * MIB);
        let came = to_thread(move || {
            let came = filtered(&mut client, &sent);
            Ok((came, sent))
        });
        let (came, sent) = event_loop.run_until_complete(came).expect("they are installed");
        assert_same(&came, &sent);
    }
    let _ = std::fs::remove_file(path);
}

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        transport.write(data).expect("it is open");
    }

    // It is closed once all is written.
    fn eof_received(&mut self, _: &Transport) -> AfterEof {
        AfterEof::Close
    }
}

#[test]
fn a_protocol_serves_nc_and_socat() {
    needs!("nc", "socat");
    let (event_loop, path) = (new_loop(), free_path("protocol"));
    let serving = event_loop.create_unix_server(|| Echo, &path);
    let _server = event_loop.run_until_complete(serving.unwrap()).expect("nothing is there");
    check_with_clients(&event_loop, &path);
}

#[test]
fn streams_serve_nc_and_socat() {
    needs!("nc", "socat");
    let (event_loop, path) = (new_loop(), free_path("streams"));
    let serving = event_loop.start_unix_server(echo_by_streams, &path);
    let _server = event_loop.run_until_complete(serving.unwrap()).expect("nothing is there");
    check_with_clients(&event_loop, &path);
}

fn echo_by_streams(
    reader: StreamReader,
    writer: StreamWriter,
) -> impl Coroutine<Yield = Await, Input = (), Return = ()> {
    let mut is_written = true;
    from_fn(move |mut sent: Result<(), Exception>| {
        loop {
            if !is_written {
                yield_from!(writer.drain(), sent)?;
                is_written = true;
            }
            let data = yield_from!(reader.read(64 * 1024), sent)?;
            if data.is_empty() {
                return Ok(Step::Return(()));
            }
            writer.write(&data)?;
            is_written = false;
        }
    })
}

#[test]
fn machines_serve_nc_and_socat() {
    needs!("nc", "socat");
    let (event_loop, path) = (new_loop(), free_path("machines"));
    let listener = UnixListener::bind(&path).expect("nothing is there");
    let serve = from_fn(move |mut sent: Result<(), Exception>| {
        loop {
            let (stream, _) = yield_from!(listener.accept(), sent)?;
            spawn(echo_by_machine(stream))?;
        }
        #[allow(unreachable_code, reason = "it never ends; its type has to come from somewhere")]
        Ok(Step::<Await, (), ()>::Return(()))
    });
    let serving = event_loop.create_task(serve).expect("it is open");
    check_with_clients(&event_loop, &path);
    serving.cancel();
    assert!(event_loop.run_until_complete(serving).is_err_and(|raised| raised.is_cancelled()));
}

fn echo_by_machine(stream: UnixStream) -> impl Coroutine<Yield = Await, Input = (), Return = ()> {
    let mut buffer = Buffer::new();
    from_fn(move |mut sent: Result<(), Exception>| {
        loop {
            yield_from!(stream.write_all(&mut buffer), sent)?;
            if yield_from!(stream.read(&mut buffer), sent)? == 0 {
                return Ok(Step::Return(()));
            }
        }
    })
}
