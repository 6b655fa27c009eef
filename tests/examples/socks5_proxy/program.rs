//! The program, and the clients that people use.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::{greeting, login, refusal, request_by_name, request_to};
use crate::support::process::{Process, example};
use crate::support::tools::{needs, tool};

/// Longer than any step here takes.
const DEADLINE: Duration = Duration::from_secs(30);

/// Starts a proxy. Returns it and its address.
pub(super) fn proxy(login: &[&str]) -> (Process, SocketAddr) {
    let proxy =
        Process::spawn(Command::new(example("socks5_proxy")).arg("127.0.0.1:0").args(login)).expect("it is built");
    let address = proxy.listening();
    (proxy, address)
}

pub(super) fn connected(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("it is not zero");
    stream
}

/// Sends `bytes`, and reads `count` bytes.
pub(super) fn ask(mut stream: &TcpStream, bytes: impl AsRef<[u8]>, count: usize) -> Vec<u8> {
    stream.write_all(bytes.as_ref()).expect("it is connected");
    let mut answer = vec![0; count];
    stream.read_exact(&mut answer).expect("so much comes");
    answer
}

fn rest(mut stream: &TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("it ends in good order");
    rest
}

/// A listener at `host`, if this machine has that address.
pub(super) fn listen(host: &str) -> Option<TcpListener> {
    TcpListener::bind((host, 0)).ok()
}

/// Sends back what one client sends, to its end.
fn echo(listener: TcpListener) -> JoinHandle<io::Result<SocketAddr>> {
    thread::spawn(move || {
        let (mut stream, peer) = listener.accept()?;
        io::copy(&mut stream.try_clone()?, &mut stream)?;
        Ok(peer)
    })
}

/// The address in a reply: of the connection from the proxy to its target.
fn address_in(reply: &[u8]) -> SocketAddr {
    let port = u16::from_be_bytes(reply[reply.len() - 2..].try_into().expect("two bytes"));
    match reply.len() {
        10 => (<[u8; 4]>::try_from(&reply[4..8]).expect("four bytes"), port).into(),
        _ => (<[u8; 16]>::try_from(&reply[4..20]).expect("sixteen bytes"), port).into(),
    }
}

#[test]
fn it_connects_to_addresses_of_both_families_and_to_names() {
    let (proxy, address) = proxy(&[]);
    for (host, by_name) in [("127.0.0.1", None), ("::1", None), ("127.0.0.1", Some("localhost")), ("::1", Some("::1"))]
    {
        let Some(listener) = listen(host) else { continue };
        let target = listener.local_addr().expect("it is bound");
        let echo = echo(listener);
        let request = match by_name {
            Some(name) => request_by_name(name.as_bytes(), target.port()),
            None => request_to(target),
        };
        let stream = connected(address);
        assert_eq!(ask(&stream, greeting(&[0]), 2), [5, 0]);
        let reply = ask(&stream, request, if target.is_ipv4() { 10 } else { 22 });
        assert_eq!(ask(&stream, b"hello", 5), b"hello");
        // The end is passed on, and what is still to come arrives.
        (&stream).write_all(b" and goodbye").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(rest(&stream), b" and goodbye");
        let peer = echo.join().expect("it does not panic").expect("somebody has connected");
        assert_eq!((reply[..3].to_vec(), address_in(&reply)), (vec![5, 0, 0], peer));
    }
    proxy.signal("TERM");
    proxy.expect_success();
}

#[test]
fn everything_at_once_is_a_handshake_too() {
    let (proxy, address) = proxy(&["ada:pass:word"]);
    let listener = listen("127.0.0.1").expect("it is there");
    let request = request_to(listener.local_addr().expect("it is bound"));
    let _echo = echo(listener);
    let stream = connected(address);
    let early = vec![b'x'; 60_000];
    let (mut writing, all) = (&stream, [greeting(&[2]), login(b"ada", b"pass:word"), request, early.clone()].concat());
    writing.write_all(&all).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let received = rest(&stream);
    assert_eq!(received[..5], [5, 2, 1, 0, 5]);
    assert!(received[14..] == early);
    proxy.signal("TERM");
    proxy.expect_success();
}

#[test]
fn failures_have_their_codes_and_no_client_disturbs_another() {
    let (proxy, address) = proxy(&[]);
    let free = listen("127.0.0.1").expect("it is there").local_addr().expect("it is bound");
    let refused = |request: Vec<u8>, code: u8| {
        let stream = connected(address);
        assert_eq!(ask(&stream, [greeting(&[0]), request].concat(), 12), [vec![5, 0], refusal(code)].concat());
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(rest(&stream), b"");
    };
    refused(request_to(free), 5);
    refused(request_by_name(b"", 80), 4);
    refused(request_by_name(b"a\0b", 80), 4);
    refused(request_by_name("köln.example".as_bytes(), 80), 4);
    refused(request_by_name(&[b'a'; 255], 80), 4);
    let mut other = request_to(free);
    for command in [2, 3] {
        other[1] = command;
        refused(other.clone(), 7);
    }
    refused(vec![5, 1, 0, 9], 8);
    // Clients that speak something else, or leave.
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[5], &[5, 1], &[5, 0], &[]] {
        let mut stream = connected(address);
        stream.write_all(bytes).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        // It may be reset, because the proxy does not read on.
        let _ = stream.read_to_end(&mut answer);
        assert_eq!(answer, if bytes == [5, 0] { &[5, 0xff][..] } else { &[] });
    }
    proxy.signal("INT");
    proxy.expect_success();
}

/// The status and the errors of `curl`.
fn curl(proxy: SocketAddr, arguments: &[&str]) -> Output {
    let mut command = tool("curl");
    command.args(["--silent", "--show-error", "--max-time", "30", "--noproxy", ""]);
    command.args(arguments.iter().map(|argument| argument.replace("PROXY", &proxy.to_string())));
    command.output().expect("it is installed")
}

/// Answers each request with `text`, until the test ends.
fn http(text: &'static str) -> SocketAddr {
    let listener = listen("127.0.0.1").expect("it is there");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if stream.read_exact(&mut byte).is_err() {
                    break;
                }
                head.push(byte[0]);
            }
            let length = text.len();
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{text}");
        }
    });
    address
}

#[test]
fn curl_fetches_through_it() {
    needs!("curl");
    let web = http("hello through the proxy");
    let (by_address, by_name) = (format!("http://{web}/"), format!("http://localhost:{}/", web.port()));
    let (open, open_address) = proxy(&[]);
    let (closed, closed_address) = proxy(&["ada:secret"]);
    for (proxy, arguments) in [
        (open_address, vec!["--socks5", "PROXY", &by_address]),
        (open_address, vec!["--socks5-hostname", "PROXY", &by_name]),
        (open_address, vec!["--proxy", "socks5h://PROXY", &by_name]),
        (closed_address, vec!["--socks5", "PROXY", "--proxy-user", "ada:secret", &by_address]),
        (closed_address, vec!["--socks5-hostname", "PROXY", "--proxy-user", "ada:secret", &by_name]),
    ] {
        let output = curl(proxy, &arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.stdout, b"hello through the proxy");
    }
    // The same proxy, many at once.
    let several: Vec<_> = (0..8)
        .map(|_| {
            let url = by_name.clone();
            thread::spawn(move || curl(open_address, &["--socks5-hostname", "PROXY", &url]).stdout)
        })
        .collect();
    for fetched in several {
        assert_eq!(fetched.join().expect("it does not panic"), b"hello through the proxy");
    }
    // What is refused.
    for arguments in [
        vec!["--socks5-hostname", "PROXY", "--proxy-user", "ada:wrong", &by_name],
        vec!["--socks5-hostname", "PROXY", "--proxy-user", "bob:secret", &by_name],
        vec!["--socks5-hostname", "PROXY", &by_name],
        vec!["--socks5-hostname", "PROXY", "--proxy-user", "ada:secret", "http://name.invalid/"],
    ] {
        let output = curl(closed_address, &arguments);
        assert_eq!(output.status.code(), Some(97), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    for proxy in [open, closed] {
        proxy.signal("TERM");
        proxy.expect_success();
    }
}
