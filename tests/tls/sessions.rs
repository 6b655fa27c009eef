//! What both ends know about each other.

use innermost::testing::{memory_pair, virtual_loop};
use innermost::tls::rustls::ProtocolVersion;
use innermost::tls::rustls::version::{TLS12, TLS13};
use innermost::tls::{TlsAcceptor, TlsConnector};

use crate::identities::{chain, client, client_of, server_as, server_of};
use crate::machines::{exchange, secure, together};

#[test]
fn both_ends_know_the_name_the_version_and_the_protocol() {
    let (mut server, mut client) = (server_as("localhost"), client());
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    client.alpn_protocols = vec![b"http/1.1".to_vec()];
    let event_loop = virtual_loop().unwrap();
    let both = (TlsAcceptor::new(server), TlsConnector::new(client));
    let (client, server) = secure(&event_loop, memory_pair(), &both);
    for end in [&client, &server] {
        assert_eq!(end.server_name(), Some("localhost"));
        assert_eq!(end.version(), ProtocolVersion::TLSv1_3);
        assert_eq!(end.alpn().as_deref(), Some(&b"http/1.1"[..]));
        assert!(!end.is_resumed());
    }
    assert_eq!(client.cipher_suite(), server.cipher_suite());
    assert_eq!(client.peer_certificates(), Some(chain("localhost")));
    assert_eq!(server.peer_certificates(), None);
}

#[test]
fn an_address_is_a_name_that_is_not_asked_for() {
    let event_loop = virtual_loop().unwrap();
    let (near, far) = memory_pair();
    let connecting = TlsConnector::new(client()).connect("127.0.0.1", near);
    let (client, server) = together(&event_loop, connecting, TlsAcceptor::new(server_as("localhost")).accept(far));
    assert_eq!(client.unwrap().server_name(), Some("127.0.0.1"));
    assert_eq!(server.unwrap().server_name(), None);
}

#[test]
fn names_do_not_mix_when_handshakes_overlap() {
    let event_loop = virtual_loop().unwrap();
    let (acceptor, connector) = (TlsAcceptor::new(server_as("localhost")), TlsConnector::new(client()));
    let names = ["localhost", "127.0.0.1", "localhost"];
    let pairs = names.map(|_| memory_pair());
    let mut tasks = Vec::new();
    for (name, (near, far)) in names.into_iter().zip(pairs) {
        tasks.push(event_loop.create_task(acceptor.accept(far)).unwrap());
        event_loop.create_task(connector.connect(name, near)).unwrap();
    }
    let asked: Vec<_> = tasks
        .into_iter()
        .map(|task| event_loop.run_until_complete(task.join()).unwrap().server_name().map(String::from))
        .collect();
    assert_eq!(asked, [Some("localhost".into()), None, Some("localhost".into())]);
}

#[test]
fn a_second_connection_resumes_the_session_of_the_first() {
    for version in [&TLS12, &TLS13] {
        let event_loop = virtual_loop().unwrap();
        let both = (TlsAcceptor::new(server_of(version)), TlsConnector::new(client_of(version)));
        let resumed = [(); 3].map(|()| {
            let (client, server) = secure(&event_loop, memory_pair(), &both);
            // Tickets come with the first data.
            assert_eq!(exchange(&event_loop, &client, &server, b"data"), [b"data", b"data"]);
            (client.is_resumed(), server.is_resumed(), server.server_name().map(String::from))
        });
        let name = || Some(String::from("localhost"));
        assert_eq!(resumed, [(false, false, name()), (true, true, name()), (true, true, name())], "{version:?}");
    }
}
