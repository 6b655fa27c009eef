//! Clients of the library, and servers written by others.

use std::net::TcpListener;
use std::rc::Rc;

use innermost::{CoroutineExt, TcpStream, UnixStream, connect};

use crate::real_clients::programs::{
    Collector, MIB, assert_same, bytes, exchange, exchange_by_streams, free_path, new_loop, socat_server,
    socat_tcp_server,
};
use crate::support::process::Process;
use crate::support::tools::{needs, tool};

#[test]
fn a_machine_on_a_socket_exchanges_megabytes_with_socat_and_cat() {
    needs!("socat", "cat");
    let (_server, address) = socat_tcp_server("EXEC:cat");
    let event_loop = new_loop();
    let sent = bytes(5 * MIB);
    let stream = Rc::new(event_loop.run_until_complete(TcpStream::connect(address)).expect("it listens"));
    assert_same(&exchange(&event_loop, Rc::clone(&stream), stream, &sent), &sent);
    // By name, as many at once as like.
    let connecting = connect(("localhost", address.port()));
    let stream = Rc::new(event_loop.run_until_complete(connecting).expect("it listens"));
    assert_same(&exchange(&event_loop, Rc::clone(&stream), stream, b"once more"), b"once more");
}

#[test]
fn a_protocol_exchanges_megabytes_with_socat_and_cat() {
    needs!("socat", "cat");
    let (_server, address) = socat_tcp_server("EXEC:cat");
    let event_loop = new_loop();
    let (sent, done) = (bytes(5 * MIB), event_loop.create_future());
    let collector = Collector::new(&sent, &done);
    let connecting = event_loop.create_connection(move || collector, address);
    event_loop.run_until_complete(connecting.then(move |_| done).map(move |came| assert_same(&came, &sent))).unwrap();
}

#[test]
fn streams_exchange_megabytes_with_socat_and_cat() {
    needs!("socat", "cat");
    let (_server, address) = socat_tcp_server("EXEC:cat");
    let event_loop = new_loop();
    let sent = bytes(5 * MIB);
    let streams = event_loop.run_until_complete(event_loop.open_connection(address)).expect("it listens");
    assert_same(&exchange_by_streams(&event_loop, streams, &sent), &sent);
}

#[test]
fn a_filter_answers_after_the_client_has_closed_its_half() {
    needs!("socat", "sort");
    // Says nothing before it has everything.
    let (_server, address) = socat_tcp_server("EXEC:sort");
    let event_loop = new_loop();
    let streams = event_loop.run_until_complete(event_loop.open_connection(address)).expect("it listens");
    assert_eq!(exchange_by_streams(&event_loop, streams, b"c\na\nb\n"), b"a\nb\nc\n");
}

#[test]
fn unix_sockets_work_like_tcp() {
    needs!("socat", "cat");
    let path = free_path("socat");
    let listening = format!("UNIX-LISTEN:{},fork", path.display());
    let (_server, _) = socat_server(&listening, "EXEC:cat");
    let event_loop = new_loop();
    let sent = bytes(3 * MIB);
    let stream = Rc::new(event_loop.run_until_complete(UnixStream::connect(&path).unwrap()).expect("it listens"));
    assert_same(&exchange(&event_loop, Rc::clone(&stream), stream, &sent), &sent);
    let connecting = event_loop.open_unix_connection(&path).expect("it is no long path");
    let streams = event_loop.run_until_complete(connecting).expect("it listens");
    assert_same(&exchange_by_streams(&event_loop, streams, &sent), &sent);
    let _ = std::fs::remove_file(path);
}

#[test]
fn reads_everything_nc_sends() {
    needs!("nc", "seq", "timeout");
    // nc cannot report its port, so the test uses one that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port is free").port();
    let mut command = tool("/bin/sh");
    command.args(["-c", "seq 1 200000 | exec timeout 60 nc -v -N -l 127.0.0.1 \"$0\"", &port.to_string()]);
    let server = Process::spawn(&mut command).expect("it is installed");
    let listening = server.error_line().expect("it says that it listens");
    assert!(listening.starts_with("Listening"), "{listening}");
    let event_loop = new_loop();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let streams = event_loop.run_until_complete(event_loop.open_connection(address)).expect("it listens");
    let (reader, writer) = streams;
    let came = event_loop.run_until_complete(reader.read_to_end()).expect("nothing fails");
    let numbers: String = (1..=200_000).map(|number| format!("{number}\n")).collect();
    assert_same(&came, numbers.as_bytes());
    // Its stream has ended, ours has not. The other way round it would not send the rest, whoever its client is.
    writer.write(b"thanks").expect("it is open");
    writer.close();
    event_loop.run_until_complete(writer.wait_closed()).expect("nothing fails");
    let (status, output, _) = server.finish();
    assert_eq!((status.code(), output), (Some(0), vec!["thanks".to_owned()]));
}
