//! TLS inside transports, with programs of others: OpenSSL's client and server, and Python's `ssl`.

use innermost::stream::{StreamReader, StreamWriter};
use innermost::tls::rustls::version::{TLS12, TLS13};
use innermost::tls::{TlsAcceptor, TlsConnector};
use innermost::{Awaitable, CoroutineExt, Exception, Step, from_fn, yield_from};

use crate::identities::{both, client_of, server_of};
use crate::programs::{AGREES_TO_TLS, STARTS_TLS, openssl_client, openssl_server, python, talk, text};
use crate::support::loops::{any, new_loop};
use crate::support::process::Process;
use crate::support::tools::needs;

/// Reads a line, sends it back in capitals, and closes the connection.
fn shout(reader: StreamReader, writer: StreamWriter) -> impl Awaitable<Return = ()> {
    let mut is_said = false;
    from_fn(move |mut sent: Result<(), Exception>| {
        if !is_said {
            let line = yield_from!(reader.read_line(), sent)?;
            writer.write(&line.to_ascii_uppercase())?;
            writer.close();
            is_said = true;
        }
        yield_from!(writer.wait_closed(), sent).map(Step::Return)
    })
}

/// Says a line, and returns the first line of the answer. Closes the connection.
fn ask(line: &'static [u8], reader: StreamReader, writer: StreamWriter) -> impl Awaitable<Return = Vec<u8>> {
    writer.write(line).unwrap();
    let mut answer = None;
    from_fn(move |mut sent: Result<(), Exception>| {
        if answer.is_none() {
            answer = Some(yield_from!(reader.read_line(), sent)?);
            writer.close();
        }
        yield_from!(writer.wait_closed(), sent)?;
        Ok(Step::Return(answer.take().unwrap_or_default()))
    })
}

#[test]
fn openssls_client_speaks_either_version_with_a_server_of_streams() {
    needs!("openssl");
    for (version, flag) in [(&TLS12, "-tls1_2"), (&TLS13, "-tls1_3")] {
        let event_loop = new_loop();
        let serving = event_loop.start_server(shout, any()).tls(&TlsAcceptor::new(server_of(version)));
        let server = event_loop.run_until_complete(serving).unwrap();
        let output = talk(&event_loop, openssl_client(server.local_addrs()[0], &[flag]), b"hello\n");
        assert_eq!(text(&output.stdout), "HELLO\n", "{}", text(&output.stderr));
    }
}

#[test]
fn openssls_server_answers_a_client_of_streams() {
    needs!("openssl");
    for (version, flag) in [(&TLS12, "-tls1_2"), (&TLS13, "-tls1_3")] {
        let (_process, address) = openssl_server(&[flag]);
        let event_loop = new_loop();
        let connector = TlsConnector::new(client_of(version));
        let connecting = event_loop.open_connection(address).tls(&connector, "localhost");
        let asking = connecting.then(|(reader, writer)| ask(b"hello\n", reader, writer));
        assert_eq!(event_loop.run_until_complete(asking).unwrap(), b"olleh\n", "{flag}");
    }
}

/// Agrees to start TLS, and goes on as [`shout`].
fn agree(acceptor: TlsAcceptor, reader: StreamReader, writer: StreamWriter) -> impl Awaitable<Return = ()> {
    let (mut ends, mut starting) = (Some((reader, writer)), None);
    let agreeing = from_fn(move |mut sent: Result<(), Exception>| {
        let (reader, writer) = ends.as_ref().expect("they are returned once");
        if starting.is_none() {
            assert_eq!(yield_from!(reader.read_line(), sent)?, b"start\n");
            writer.write(b"go ahead\n")?;
        }
        let starting = starting.get_or_insert_with(|| writer.start_tls(&acceptor));
        yield_from!(starting, sent)?;
        Ok(Step::Return(ends.take().expect("they are returned once")))
    });
    agreeing.then(|(reader, writer)| shout(reader, writer))
}

#[test]
fn a_connection_of_streams_with_python_starts_tls_in_the_middle() {
    needs!("python3");
    let event_loop = new_loop();
    let (acceptor, _) = both();
    let handler = move |reader, writer| agree(acceptor.clone(), reader, writer);
    let server = event_loop.run_until_complete(event_loop.start_server(handler, any())).unwrap();
    let output = talk(&event_loop, python(STARTS_TLS, Some(server.local_addrs()[0])), b"");
    assert_eq!(text(&output.stdout), "b'HELLO\\n' b''\n", "{}", text(&output.stderr));
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn pythons_server_starts_tls_with_a_client_of_streams() {
    needs!("python3");
    let process = Process::spawn(&mut python(AGREES_TO_TLS, None)).unwrap();
    let event_loop = new_loop();
    let (reader, writer) = event_loop.run_until_complete(event_loop.open_connection(process.listening())).unwrap();
    writer.write(b"start\n").unwrap();
    assert_eq!(event_loop.run_until_complete(reader.read_line()).unwrap(), b"go ahead\n");
    let (_, connector) = both();
    event_loop.run_until_complete(writer.start_tls((&connector, "localhost"))).unwrap();
    assert_eq!(event_loop.run_until_complete(ask(b"hello\n", reader, writer)).unwrap(), b"HELLO\n");
    process.expect_success();
}
