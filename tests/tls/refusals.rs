//! Connections that must not come about: each fails with an error that says why.

use std::io::{self, ErrorKind};
use std::time::Duration;

use innermost::testing::{MemoryPair, memory_pair, virtual_loop};
use innermost::tls::rustls::version::{TLS12, TLS13};
use innermost::tls::rustls::{self, CertificateError};
use innermost::tls::{TlsAcceptor, TlsConnector};
use innermost::{Buffer, ByteWrite, Exception, Kind};

use crate::identities::{
    both, client, client_of, client_with_certificate, server_as, server_of, server_that_demands_certificates,
};
use crate::machines::together;

/// rustls' error, and the whole text with notes.
#[track_caller]
fn named(raised: &Exception) -> (rustls::Error, String) {
    let error = raised.downcast_ref::<io::Error>().unwrap_or_else(|| panic!("{raised:?}"));
    assert_eq!(error.kind(), ErrorKind::InvalidData, "{raised:?}");
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    (
        cause.unwrap_or_else(|| panic!("{raised:?}")).clone(),
        format!("{raised}\n{:?}", raised.notes().collect::<Vec<_>>()),
    )
}

/// What the client and the server raise.
fn refused(acceptor: &TlsAcceptor, connector: &TlsConnector, name: &str) -> (Exception, Exception) {
    let event_loop = virtual_loop().unwrap();
    let (near, far) = memory_pair();
    let handshakes = together(&event_loop, connector.connect(name, near), acceptor.accept(far));
    match handshakes {
        (Err(client), Err(server)) => (client, server),
        (client, server) => panic!("{client:?}, {server:?}"),
    }
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let (acceptor, connector) = both();
    let (client, server) = refused(&acceptor, &connector, "wrong.example");
    let (error, text) = named(&client);
    let is_about_the_name = matches!(
        error,
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
        )
    );
    assert!(is_about_the_name, "{error:?}");
    assert!(text.contains("wrong.example"), "{text}");
    let (error, text) = named(&server);
    assert!(matches!(error, rustls::Error::AlertReceived(_)), "{error:?}");
    assert!(text.contains("handshake with a client") && text.contains("the peer has refused"), "{text}");
}

#[test]
fn certificates_that_are_expired_or_of_strangers_are_refused() {
    let connector = TlsConnector::new(client());
    let (raised, _) = refused(&TlsAcceptor::new(server_as("expired")), &connector, "localhost");
    let (error, text) = named(&raised);
    assert!(
        matches!(
            error,
            rustls::Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. })
        ),
        "{error:?}"
    );
    assert!(text.contains("expired"), "{text}");
    let (raised, _) = refused(&TlsAcceptor::new(server_as("stranger")), &connector, "localhost");
    let (error, text) = named(&raised);
    assert_eq!(error, rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer));
    assert!(text.contains("trusted roots"), "{text}");
    let (raised, _) = refused(&TlsAcceptor::new(server_as("other")), &connector, "localhost");
    assert!(named(&raised).1.contains("other.example"));
}

#[test]
fn ends_without_a_common_version_say_so() {
    let (acceptor, connector) = (TlsAcceptor::new(server_of(&TLS13)), TlsConnector::new(client_of(&TLS12)));
    let (client, server) = refused(&acceptor, &connector, "localhost");
    assert!(matches!(named(&client).0, rustls::Error::AlertReceived(_)), "{client:?}");
    assert!(matches!(named(&server).0, rustls::Error::PeerIncompatible(_)), "{server:?}");
}

#[test]
fn ends_without_a_common_protocol_say_so() {
    let (mut server, mut client) = (server_as("localhost"), client());
    server.alpn_protocols = vec![b"h2".to_vec()];
    client.alpn_protocols = vec![b"http/1.1".to_vec()];
    let (_, server) = refused(&TlsAcceptor::new(server), &TlsConnector::new(client), "localhost");
    assert_eq!(named(&server).0, rustls::Error::NoApplicationProtocol);
}

#[test]
fn a_client_without_a_certificate_is_refused_before_its_data_are_read() {
    let event_loop = virtual_loop().unwrap();
    let acceptor = TlsAcceptor::new(server_that_demands_certificates());
    let (near, far) = memory_pair();
    let connecting = TlsConnector::new(client()).connect("localhost", near);
    let (_, accepted) = together(&event_loop, connecting, acceptor.accept(far));
    assert_eq!(named(&accepted.unwrap_err()).0, rustls::Error::NoCertificatesPresented);

    let (near, far) = memory_pair();
    let connecting = TlsConnector::new(client_with_certificate()).connect("localhost", near);
    let (connected, accepted) = together(&event_loop, connecting, acceptor.accept(far));
    assert!(connected.is_ok());
    assert_eq!(accepted.unwrap().peer_certificates(), Some(crate::identities::chain("client")));
}

#[test]
fn peers_that_speak_plain_text_are_named() {
    let (acceptor, connector) = both();
    for text in [&b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..], b"HTTP/1.1 400 Bad Request\r\n\r\n"] {
        let event_loop = virtual_loop().unwrap();
        let (near, far) = memory_pair();
        near.attempt_send(text).unwrap();
        let raised = event_loop.run_until_complete(acceptor.accept(far)).unwrap_err();
        let (error, shown) = named(&raised);
        assert!(matches!(error, rustls::Error::InvalidMessage(_)), "{error:?}");
        assert!(shown.contains("does not speak TLS"), "{shown}");

        let (near, far) = memory_pair();
        far.attempt_send(text).unwrap();
        let raised = event_loop.run_until_complete(connector.connect("localhost", near)).unwrap_err();
        assert!(named(&raised).1.contains("does not speak TLS"), "{raised:?}");
    }
}

#[test]
fn a_peer_that_leaves_is_named() {
    let event_loop = virtual_loop().unwrap();
    let (acceptor, connector) = both();
    let (near, far) = memory_pair();
    drop(near);
    let raised = event_loop.run_until_complete(acceptor.accept(far)).unwrap_err();
    assert_eq!(raised.downcast_ref::<io::Error>().unwrap().kind(), ErrorKind::UnexpectedEof);
    let (near, far) = memory_pair();
    far.attempt_write_eof().unwrap();
    let raised = event_loop.run_until_complete(connector.connect("localhost", near)).unwrap_err();
    assert_eq!(raised.downcast_ref::<io::Error>().unwrap().kind(), ErrorKind::UnexpectedEof);
    assert!(raised.notes().any(|note| note.contains("localhost")), "{raised:?}");
}

// X20
#[test]
fn a_silent_peer_has_a_minute_for_the_handshake() {
    let event_loop = virtual_loop().unwrap();
    let (_near, far) = memory_pair();
    let (acceptor, connector) = both();
    let raised = event_loop.run_until_complete(acceptor.accept(far)).unwrap_err();
    assert_eq!(raised.kind(), Kind::TimeoutError);
    assert_eq!(event_loop.time().since_zero(), Duration::from_secs(60));
    let (near, _far) = memory_pair();
    let connector = connector.handshake_timeout(Duration::from_secs(5));
    let raised = event_loop.run_until_complete(connector.connect("localhost", near)).unwrap_err();
    assert_eq!(raised.kind(), Kind::TimeoutError);
    assert_eq!(event_loop.time().since_zero(), Duration::from_secs(65));
}

#[test]
fn a_peer_that_sends_a_byte_now_and_then_has_no_more_time() {
    let event_loop = virtual_loop().unwrap();
    let (acceptor, connector) = both();
    let (near, far) = MemoryPair::new().moves(|_| 1).latency(Duration::from_secs(1)).build();
    let connecting =
        event_loop.create_task(connector.handshake_timeout(Duration::from_secs(1000)).connect("localhost", near));
    let raised = event_loop.run_until_complete(acceptor.handshake_timeout(Duration::from_millis(500)).accept(far));
    assert_eq!(raised.unwrap_err().kind(), Kind::TimeoutError);
    drop(connecting);
}

// X20
#[test]
fn a_limit_of_zero_is_refused() {
    let event_loop = virtual_loop().unwrap();
    let (acceptor, connector) = both();
    let zero = Duration::ZERO;
    let raised = [
        event_loop.run_until_complete(acceptor.clone().handshake_timeout(zero).accept(memory_pair().0)),
        event_loop.run_until_complete(acceptor.shutdown_timeout(zero).accept(memory_pair().0)),
        event_loop.run_until_complete(connector.clone().handshake_timeout(zero).connect("localhost", memory_pair().0)),
        event_loop.run_until_complete(connector.shutdown_timeout(zero).connect("localhost", memory_pair().0)),
    ];
    for raised in raised {
        assert_eq!(raised.unwrap_err().kind(), Kind::ValueError);
    }
}

#[test]
fn names_that_no_server_has_are_refused() {
    let event_loop = virtual_loop().unwrap();
    for name in ["", "with space", "-", "a..b", "[::1]"] {
        let connecting = TlsConnector::new(client()).connect(name, memory_pair().0);
        let raised = event_loop.run_until_complete(connecting).unwrap_err();
        assert_eq!(raised.downcast_ref::<io::Error>().unwrap().kind(), ErrorKind::InvalidInput, "{name}");
    }
}

#[test]
fn early_data_is_refused() {
    let mut config = server_as("localhost");
    config.max_early_data_size = 1024;
    let event_loop = virtual_loop().unwrap();
    let raised = event_loop.run_until_complete(TlsAcceptor::new(config).accept(memory_pair().0)).unwrap_err();
    assert_eq!(raised.kind(), Kind::ValueError);
}

#[test]
fn a_handshake_is_awaited_once() {
    let event_loop = virtual_loop().unwrap();
    let (acceptor, connector) = both();
    let (near, far) = memory_pair();
    let accepting = event_loop.create_task(acceptor.accept(far)).unwrap();
    let mut handshake = connector.connect("localhost", near);
    let twice = innermost::from_fn(move |mut sent| {
        innermost::yield_from!(handshake, sent).map(drop).map(innermost::Step::Return)
    });
    event_loop.run_until_complete(twice).unwrap();
    event_loop.run_until_complete(accepting.join()).unwrap();
}

#[test]
fn bytes_read_before_the_handshake_belong_to_it() {
    // The client's first message is read with the request for TLS before it.
    let event_loop = virtual_loop().unwrap();
    let (acceptor, connector) = both();
    let (near, far) = memory_pair();
    near.attempt_send(b"STARTTLS\r\n").unwrap();
    let connecting = event_loop.create_task(connector.connect("localhost", near)).unwrap();
    event_loop.run_once().unwrap();
    let mut read = Buffer::new();
    let far = event_loop
        .run_until_complete(innermost::from_fn({
            let mut far = Some(far);
            move |_| {
                innermost::ByteRead::attempt_read(far.as_ref().unwrap(), &mut read)?;
                read.consume(10);
                assert!(!read.is_empty());
                Ok(innermost::Step::<innermost::Await, (), _>::Return((far.take().unwrap(), std::mem::take(&mut read))))
            }
        }))
        .unwrap();
    let (far, read) = far;
    event_loop.run_until_complete(acceptor.accept(far).already_read(read)).unwrap();
    event_loop.run_until_complete(connecting.join()).unwrap();
}
