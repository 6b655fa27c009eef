//! With programs of others: OpenSSL's client and server, curl, and Python's `ssl`.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::process::{Command, Output};
use std::rc::Rc;
use std::sync::mpsc::channel;
use std::thread;

use innermost::tls::rustls::version::{TLS12, TLS13};
use innermost::tls::rustls::{ServerConfig, SupportedProtocolVersion};
use innermost::tls::{TlsAcceptor, TlsConnector, TlsStream};
use innermost::{
    Awaitable, Buffer, ByteRead, ByteWrite, CoroutineExt, EventLoop, Exception, Step, TcpListener, TcpStream, from_fn,
    yield_from,
};

use crate::identities::{both, client, client_of, file, server_as, server_of, server_that_demands_certificates};
use crate::machines::{bytes, hear, hear_exactly, say, say_and_end};
use crate::support::loops::{any, new_loop, run_until};
use crate::support::process::Process;
use crate::support::tools::{Fed, needs, tool};

/// Runs a program with `input` while the loop runs.
pub(crate) fn talk(event_loop: &EventLoop, mut command: Command, input: &'static [u8]) -> Output {
    let (sender, receiver) = channel();
    thread::spawn(move || sender.send(Fed::start(&mut command).run(input)));
    let output = Rc::new(RefCell::new(None));
    let came = Rc::clone(&output);
    run_until(event_loop, move || {
        if let Ok(output) = receiver.try_recv() {
            came.replace(Some(output));
        }
        came.borrow().is_some()
    });
    let output = output.take();
    output.expect("it is there")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Accepts one connection, and runs what `serve` makes of it. The outcome is in the second of these, once it is there.
fn serve_one<C: Awaitable + 'static>(
    event_loop: &EventLoop,
    serve: impl Fn(TcpStream) -> C + 'static,
) -> (SocketAddr, innermost::Task<C::Return>)
where
    C::Return: 'static,
{
    let listener = TcpListener::bind(any()).unwrap();
    let address = listener.local_addr().unwrap();
    let accepting = from_fn(move |mut sent: Result<(), Exception>| {
        yield_from!(listener.accept(), sent).map(|(socket, _)| Step::Return(socket))
    });
    (address, event_loop.create_task(accepting.then(serve)).unwrap())
}

/// Reads a line, sends it back in capitals, and ends the stream. Returns it.
fn shout(stream: TlsStream<TcpStream>) -> impl Awaitable<Return = TlsStream<TcpStream>> {
    let (mut buffer, mut stream, mut is_read) = (Buffer::new(), Some(stream), false);
    from_fn(move |mut sent: Result<(), Exception>| {
        let own = stream.as_ref().expect("it is returned once");
        while !is_read {
            if buffer.bytes().ends_with(b"\n") {
                buffer = Buffer::from(buffer.bytes().to_ascii_uppercase());
                is_read = true;
            } else if yield_from!(own.read(&mut buffer), sent)? == 0 {
                return Err(Exception::from(std::io::Error::from(std::io::ErrorKind::UnexpectedEof)));
            }
        }
        yield_from!(own.write_all(&mut buffer), sent)?;
        yield_from!(own.write_eof(), sent)?;
        Ok(Step::Return(stream.take().expect("it is returned once")))
    })
}

pub(crate) fn openssl_client(address: SocketAddr, arguments: &[&str]) -> Command {
    let mut command = tool("openssl");
    command.args(["s_client", "-quiet", "-verify_return_error", "-servername", "localhost", "-CAfile"]);
    command.arg(file("authority.pem")).args(["-connect", &address.to_string()]).args(arguments);
    command
}

#[test]
fn openssls_client_speaks_either_version() {
    needs!("openssl");
    for (version, flag) in [(&TLS12, "-tls1_2"), (&TLS13, "-tls1_3")] {
        let event_loop = new_loop();
        let acceptor = TlsAcceptor::new(server_of(version));
        let (address, serving) = serve_one(&event_loop, move |socket| acceptor.accept(socket).then(shout));
        let output = talk(&event_loop, openssl_client(address, &[flag]), b"hello\n");
        assert_eq!(text(&output.stdout), "HELLO\n", "{}", text(&output.stderr));
        let stream = event_loop.run_until_complete(serving.join()).unwrap();
        assert_eq!((stream.version(), stream.server_name()), (version.version, Some("localhost")));
    }
}

#[test]
fn openssls_client_resumes_its_session() {
    needs!("openssl");
    let directory = std::env::temp_dir().join(format!("innermost-tls-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let resumed = |version: &'static SupportedProtocolVersion| {
        let path = directory.join(format!("{:?}", version.version));
        let path = path.to_str().unwrap();
        let acceptor = TlsAcceptor::new(server_of(version));
        ["-sess_out", "-sess_in"].map(|flag| {
            let event_loop = new_loop();
            let acceptor = acceptor.clone();
            let (address, serving) = serve_one(&event_loop, move |socket| acceptor.accept(socket).then(shout));
            let output = talk(&event_loop, openssl_client(address, &[flag, path]), b"hello\n");
            assert_eq!(text(&output.stdout), "HELLO\n", "{}", text(&output.stderr));
            event_loop.run_until_complete(serving.join()).unwrap().is_resumed()
        })
    };
    let both = [resumed(&TLS12), resumed(&TLS13)];
    std::fs::remove_dir_all(&directory).unwrap();
    assert_eq!(both, [[false, true]; 2]);
}

#[test]
fn openssls_client_shows_its_certificate() {
    needs!("openssl");
    let (certificate, key) = (file("client.pem"), file("client.key"));
    let arguments = ["-cert", certificate.to_str().unwrap(), "-key", key.to_str().unwrap()];
    for (arguments, is_accepted) in [(&arguments[..], true), (&[], false)] {
        let event_loop = new_loop();
        let acceptor = TlsAcceptor::new(server_that_demands_certificates());
        let (address, serving) = serve_one(&event_loop, move |socket| acceptor.accept(socket).then(shout));
        let output = talk(&event_loop, openssl_client(address, arguments), b"hello\n");
        let served = event_loop.run_until_complete(serving.join());
        assert_eq!(output.stdout == b"HELLO\n", is_accepted, "{}", text(&output.stderr));
        // OpenSSL sends the authority's certificate too.
        let shown = served.ok().and_then(|stream| Some(stream.peer_certificates()?.first()?.to_vec()));
        let expected = crate::identities::chain("client")[0].to_vec();
        assert_eq!(shown, is_accepted.then_some(expected));
    }
}

/// OpenSSL's server, which sends each line back in reverse.
pub(crate) fn openssl_server(arguments: &[&str]) -> (Process, SocketAddr) {
    let mut command = tool("openssl");
    command.args(["s_server", "-accept", "127.0.0.1:0", "-rev", "-cert"]).arg(file("localhost.pem"));
    command.arg("-key").arg(file("localhost.key")).args(arguments);
    let process = Process::spawn(&mut command).unwrap();
    loop {
        let line = process.line().unwrap_or_else(|| panic!("{:?}", process.error_lines()));
        if let Some(address) = line.strip_prefix("ACCEPT ") {
            let address = address.parse().unwrap_or_else(|_| panic!("{line}"));
            return (process, address);
        }
    }
}

#[test]
fn openssls_server_is_spoken_to_in_either_version() {
    needs!("openssl");
    for (version, flag) in [(&TLS12, "-tls1_2"), (&TLS13, "-tls1_3")] {
        let (_process, address) = openssl_server(&[flag]);
        let event_loop = new_loop();
        let connector = TlsConnector::new(client_of(version));
        let resumed = [(); 2].map(|()| {
            let connector = connector.clone();
            let connecting = TcpStream::connect(address).then(move |socket| connector.connect("localhost", socket));
            let stream = Rc::new(event_loop.run_until_complete(connecting).unwrap());
            for (line, answer) in [(&b"hello\n"[..], &b"olleh\n"[..]), (b"world\n", b"dlrow\n")] {
                event_loop.run_until_complete(say(&stream, line)).unwrap();
                assert_eq!(event_loop.run_until_complete(hear_exactly(&stream, line.len())).unwrap(), answer);
            }
            let is_resumed = stream.is_resumed();
            event_loop.run_until_complete(Rc::into_inner(stream).unwrap().close()).unwrap();
            is_resumed
        });
        assert_eq!(resumed, [false, true], "{flag}");
    }
}

/// Answers one request of HTTP, and closes.
fn answer(stream: TlsStream<TcpStream>) -> impl Awaitable<Return = Option<Vec<u8>>> {
    let alpn = stream.alpn();
    let (stream, mut buffer) = (Rc::new(stream), Buffer::new());
    let body = bytes(300_000);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let mut answering = say_and_end(&stream, &[head.as_bytes(), &body].concat());
    let mut is_asked = false;
    from_fn(move |mut sent: Result<(), Exception>| {
        while !is_asked {
            yield_from!(stream.read(&mut buffer), sent)?;
            is_asked = buffer.bytes().ends_with(b"\r\n\r\n");
        }
        yield_from!(answering, sent)?;
        Ok(Step::Return(alpn.clone()))
    })
}

fn curl(address: SocketAddr, arguments: &[&str]) -> Command {
    let mut command = tool("curl");
    let port = address.port();
    command.args(["-sS", "--resolve", &format!("localhost:{port}:127.0.0.1")]);
    command.args(arguments).arg(format!("https://localhost:{port}/"));
    command
}

#[test]
fn curl_gets_a_page_and_agrees_on_the_protocol() {
    needs!("curl");
    let mut config: ServerConfig = server_as("localhost");
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::new(config);
    let event_loop = new_loop();
    let (address, serving) = serve_one(&event_loop, move |socket| acceptor.accept(socket).then(answer));
    let authority = file("authority.pem");
    let output = talk(&event_loop, curl(address, &["--cacert", authority.to_str().unwrap()]), b"");
    assert!(output.stdout == bytes(300_000), "{}", text(&output.stderr));
    assert_eq!(event_loop.run_until_complete(serving.join()).unwrap().as_deref(), Some(&b"http/1.1"[..]));
}

#[test]
fn curl_refuses_a_stranger_and_the_server_is_told() {
    needs!("curl");
    let event_loop = new_loop();
    let acceptor = TlsAcceptor::new(server_as("stranger"));
    let (address, serving) = serve_one(&event_loop, move |socket| acceptor.accept(socket).then(answer));
    let authority = file("authority.pem");
    let output = talk(&event_loop, curl(address, &["--cacert", authority.to_str().unwrap()]), b"");
    assert_eq!(output.status.code(), Some(60), "{}", text(&output.stderr));
    let raised = event_loop.run_until_complete(serving.join()).unwrap_err();
    assert!(raised.to_string().contains("alert"), "{raised}");
}

/// A Python program with a socket to `address`, or a listening one, and both configurations.
pub(crate) fn python(program: &str, address: Option<SocketAddr>) -> Command {
    let begin = "import socket, ssl, sys\n\
        here, authority = sys.argv[1], sys.argv[2]\n\
        client = ssl.create_default_context(cafile=authority)\n\
        server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)\n\
        server.load_cert_chain(sys.argv[3], sys.argv[4])\n\
        plain = socket.create_connection(here.rsplit(':', 1)) if here else None\n";
    let mut command = tool("python3");
    command.arg("-c").arg(format!("{begin}{program}"));
    command.arg(address.map(|address| address.to_string()).unwrap_or_default());
    command.args([file("authority.pem"), file("localhost.pem"), file("localhost.key")]);
    command
}

#[test]
fn pythons_unwrap_goes_back_to_plain_text() {
    needs!("python3");
    let event_loop = new_loop();
    let (acceptor, _) = both();
    let (address, serving) = serve_one(&event_loop, move |socket| {
        acceptor.accept(socket).then(|stream| {
            let (mut stream, mut heard) = (Some(stream), Buffer::new());
            let hearing = from_fn(move |mut sent: Result<(), Exception>| {
                let own = stream.as_ref().expect("it is returned once");
                while yield_from!(own.read(&mut heard), sent)? > 0 {}
                assert_eq!(heard.bytes(), b"sealed");
                Ok(Step::Return(stream.take().expect("it is returned once")))
            });
            hearing.then(TlsStream::close).then(|(socket, rest)| {
                let (socket, mut all) = (Rc::new(socket), rest.bytes().to_vec());
                let hearing = hear(&socket);
                say_and_end(&socket, b"plain answer").then(move |()| hearing).map(move |heard| {
                    all.extend(heard);
                    all
                })
            })
        })
    });
    let program = "sealed = client.wrap_socket(plain, server_hostname='localhost')\n\
        sealed.sendall(b'sealed')\n\
        plain = sealed.unwrap()\n\
        plain.sendall(b'plain question')\n\
        plain.shutdown(socket.SHUT_WR)\n\
        print(plain.makefile().read())\n";
    let output = talk(&event_loop, python(program, Some(address)), b"");
    assert_eq!(text(&output.stdout), "plain answer\n", "{}", text(&output.stderr));
    assert_eq!(event_loop.run_until_complete(serving.join()).unwrap(), b"plain question");
}

/// A client that asks to start TLS, says a line, and prints the answer and what comes after it.
pub(crate) const STARTS_TLS: &str = "plain.sendall(b'start\\n')\n\
    assert plain.recv(100) == b'go ahead\\n'\n\
    sealed = client.wrap_socket(plain, server_hostname='localhost')\n\
    sealed.sendall(b'hello\\n')\n\
    print(sealed.recv(100), sealed.recv(100))\n";

/// A server that agrees to start TLS, and answers in capitals.
pub(crate) const AGREES_TO_TLS: &str = "listener = socket.create_server(('127.0.0.1', 0))\n\
    print('listening on', '%s:%d' % listener.getsockname(), flush=True)\n\
    plain, _ = listener.accept()\n\
    assert plain.recv(100) == b'start\\n'\n\
    plain.sendall(b'go ahead\\n')\n\
    sealed = server.wrap_socket(plain, server_side=True)\n\
    sealed.sendall(sealed.recv(100).upper())\n\
    sealed.unwrap()\n";

#[test]
fn a_connection_with_python_starts_tls_in_the_middle() {
    needs!("python3");
    let event_loop = new_loop();
    let (acceptor, _) = both();
    let (address, serving) = serve_one(&event_loop, move |socket| {
        let (acceptor, mut socket, mut buffer) = (acceptor.clone(), Some(socket), Buffer::new());
        let mut permission = Buffer::from(b"go ahead\n".to_vec());
        let asking = from_fn(move |mut sent: Result<(), Exception>| {
            let own = socket.as_ref().expect("it is returned once");
            while !buffer.bytes().contains(&b'\n') {
                yield_from!(own.read(&mut buffer), sent)?;
            }
            yield_from!(own.write_all(&mut permission), sent)?;
            buffer.consume(b"start\n".len());
            Ok(Step::Return((socket.take().expect("it is returned once"), std::mem::take(&mut buffer))))
        });
        asking.then(move |(socket, rest)| acceptor.accept(socket).already_read(rest).then(shout))
    });
    let output = talk(&event_loop, python(STARTS_TLS, Some(address)), b"");
    assert_eq!(text(&output.stdout), "b'HELLO\\n' b''\n", "{}", text(&output.stderr));
    event_loop.run_until_complete(serving.join()).unwrap();
}

#[test]
fn pythons_server_starts_tls_in_the_middle() {
    needs!("python3");
    let process = Process::spawn(&mut python(AGREES_TO_TLS, None)).unwrap();
    let address = process.listening();
    let event_loop = new_loop();
    let socket = Rc::new(event_loop.run_until_complete(TcpStream::connect(address)).unwrap());
    event_loop.run_until_complete(say(&socket, b"start\n")).unwrap();
    assert_eq!(event_loop.run_until_complete(hear_exactly(&socket, 9)).unwrap(), b"go ahead\n");
    let connecting = TlsConnector::new(client()).connect("localhost", Rc::into_inner(socket).unwrap());
    let stream = Rc::new(event_loop.run_until_complete(connecting).unwrap());
    event_loop.run_until_complete(say(&stream, b"hello")).unwrap();
    assert_eq!(event_loop.run_until_complete(hear(&stream)).unwrap(), b"HELLO");
    event_loop.run_until_complete(Rc::into_inner(stream).unwrap().close()).unwrap();
    process.expect_success();
}
