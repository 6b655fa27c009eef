//! The chat over TLS: a server and clients as processes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use crate::identities::file;
use crate::support::process::{Contained, Process, example};

fn server() -> (Process, u16) {
    let mut command = Command::new(example("tls_chat"));
    command.arg("serve").args([file("localhost.pem"), file("localhost.key")]).arg("127.0.0.1:0");
    let process = Process::spawn(&mut command).expect("it can be started");
    let address = process.listening();
    (process, address.port())
}

fn client(authority: &str, port: u16) -> Contained {
    let mut command = Command::new(example("tls_chat"));
    command.arg("join").arg(file(authority)).arg("localhost").arg(port.to_string());
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Contained::spawn(command).expect("it can be started")
}

#[test]
fn lines_go_to_all_others_until_the_server_stops() {
    let (server, port) = server();
    let mut clients = [client("authority.pem", port), client("authority.pem", port)];
    let mut lines = clients.each_mut().map(|client| BufReader::new(client.stdout.take().unwrap()).lines());
    let [first, second] = &mut clients;
    let (mut first, mut second) = (first.stdin.take().unwrap(), second.stdin.take().unwrap());
    // The other one may not have joined yet: whoever is heard first has.
    let mut said = 0;
    let heard = std::thread::scope(|scope| {
        let hearing = scope.spawn(|| lines[1].next().unwrap().unwrap());
        while !hearing.is_finished() {
            writeln!(first, "hello {said}").unwrap();
            said += 1;
            std::thread::yield_now();
        }
        hearing.join().unwrap()
    });
    assert!(heard.starts_with("hello "), "{heard}");
    writeln!(second, "good day").unwrap();
    assert_eq!(lines[0].next().unwrap().unwrap(), "good day");
    server.signal("TERM");
    // Their connections end, and then the programs, once the terminal ends too.
    drop((first, second));
    for mut client in clients {
        assert!(client.wait().unwrap().success());
    }
    server.expect_success();
}

#[test]
fn a_client_that_does_not_trust_the_server_says_why() {
    let (server, port) = server();
    let mut client = client("stranger.pem", port);
    drop(client.stdin.take());
    let mut errors = String::new();
    std::io::Read::read_to_string(&mut client.stderr.take().unwrap(), &mut errors).unwrap();
    assert_eq!(client.wait().unwrap().code(), Some(1));
    assert!(errors.contains("UnknownIssuer"), "{errors}");
    server.signal("TERM");
    assert!(server.finish().0.success());
}
