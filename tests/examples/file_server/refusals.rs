//! Malformed requests, and requests that this server does not support.

use crate::file_server::client::Client;
use crate::file_server::server::Site;

#[test]
fn invalid_requests_are_refused_with_a_status_and_end_the_connection() {
    let site = Site::new();
    site.put("a", "first");
    let server = site.serve();
    let host = "Host: here\r\n";
    let long = "x".repeat(20_000);
    let many = "A: b\r\n".repeat(100);
    for (status, request) in [
        (400, "nonsense\r\n\r\n".to_owned()),
        (400, "GET  /a HTTP/1.1\r\n\r\n".into()),
        (400, format!("GET a HTTP/1.1\r\n{host}\r\n")),
        (400, "GET /a HTTP/1.1\r\n\r\n".into()),
        (400, format!("GET /% HTTP/1.1\r\n{host}\r\n")),
        (400, format!("GET /%4 HTTP/1.1\r\n{host}\r\n")),
        (400, format!("GET /%+1 HTTP/1.1\r\n{host}\r\n")),
        (400, format!("GET /a%00 HTTP/1.1\r\n{host}\r\n")),
        (400, format!("GET /a HTTP/1.1\r\n{host}Content-Length: x\r\n\r\n")),
        (400, format!("GET /a HTTP/1.1\r\n{host}Content-Length: +0\r\n\r\n")),
        (400, format!("GET /a HTTP/1.1\r\n{host}{host}\r\n")),
        (400, format!("GET /a HTTP/1.1\r\n{host}No colon\r\n\r\n")),
        (400, "\u{16}\u{3}\u{1}\0\u{1}\0\r\n\r\n".into()),
        (405, format!("POST /a HTTP/1.1\r\n{host}Content-Length: 3\r\n\r\nabc")),
        (405, format!("DELETE /a HTTP/1.1\r\n{host}\r\n")),
        (405, format!("OPTIONS * HTTP/1.1\r\n{host}\r\n")),
        (413, format!("GET /a HTTP/1.1\r\n{host}Content-Length: 3\r\n\r\nabc")),
        (413, format!("GET /a HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")),
        (431, format!("GET /{long} HTTP/1.1\r\n{host}\r\n")),
        (431, format!("GET /a HTTP/1.1\r\n{host}Long: {long}\r\n\r\n")),
        (431, format!("GET /a HTTP/1.1\r\n{host}{many}\r\n")),
        (501, format!("BREW /a HTTP/1.1\r\n{host}\r\n")),
        (501, format!("get /a HTTP/1.1\r\n{host}\r\n")),
        (505, format!("GET /a HTTP/2.0\r\n{host}\r\n")),
    ] {
        let mut client = Client::connect(server.address);
        client.send(&request);
        let answer = client.answer();
        assert_eq!(answer.status, status, "{request:.100}");
        assert_eq!(answer.field("Connection"), Some("close"), "{request:.100}");
        assert_eq!(answer.field("Allow"), (status == 405).then_some("GET, HEAD"));
        client.expect_end();
    }
    server.stop();
}

#[test]
fn a_refused_head_request_gets_no_body() {
    let site = Site::new();
    let server = site.serve();
    let mut client = Client::connect(server.address);
    client.send("HEAD /a HTTP/1.1\r\nHost: here\r\nContent-Length: 3\r\n\r\nabc");
    assert_eq!(client.answer_without_body().status, 413);
    client.expect_end();
    server.stop();
}

#[test]
fn earlier_requests_are_answered_before_a_refusal() {
    let site = Site::new();
    site.put("a", "first");
    let server = site.serve();
    let mut client = Client::connect(server.address);
    client.send("GET /a HTTP/1.1\r\nHost: here\r\n\r\nnonsense\r\n\r\nGET /a HTTP/1.1\r\nHost: here\r\n\r\n");
    assert_eq!(client.answer().text(), "first");
    assert_eq!(client.answer().status, 400);
    client.expect_end();
    server.stop();
}
