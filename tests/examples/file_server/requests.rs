//! Valid requests: persistent connections, ranges and conditions of HTTP/1.1.

use std::net::Shutdown;
use std::thread;

use crate::file_server::client::{Client, get};
use crate::file_server::server::Site;

#[test]
fn a_file_is_served_with_its_length_its_type_and_its_version() {
    let site = Site::new();
    site.put("a.txt", "hello");
    let server = site.serve();
    let answer = get(server.address, "/a.txt?query", &[]);
    assert_eq!((answer.status, answer.text()), (200, "hello"));
    assert_eq!(answer.field("Content-Length"), Some("5"));
    assert_eq!(answer.field("Content-Type"), Some("text/plain; charset=utf-8"));
    assert_eq!(answer.field("Accept-Ranges"), Some("bytes"));
    assert_eq!(answer.field("Connection"), None);
    for name in ["ETag", "Last-Modified", "Date"] {
        assert!(answer.field(name).is_some(), "{name}");
    }
    server.stop();
}

#[test]
fn a_connection_serves_many_requests_until_asked_to_close() {
    let site = Site::new();
    site.put("a", "first");
    site.put("b", "second");
    site.put("empty", "");
    let server = site.serve();
    let mut client = Client::connect(server.address);
    for _ in 0..3 {
        for (path, expected) in [("/a", "first"), ("/b", "second"), ("/empty", "")] {
            client.ask(&format!("GET {path}"), &[]);
            assert_eq!(client.answer().text(), expected);
            client.ask(&format!("HEAD {path}"), &[]);
            let head = client.answer_without_body();
            assert_eq!(head.field("Content-Length"), Some(&*expected.len().to_string()));
        }
    }
    client.ask("GET /a", &["Connection: close", "Connection: keep-alive"]);
    let last = client.answer();
    assert_eq!((last.text(), last.field("Connection")), ("first", Some("close")));
    client.expect_end();
    server.stop();
}

#[test]
fn an_http_1_0_connection_is_closed_unless_it_asks_to_stay_open() {
    let site = Site::new();
    site.put("a", "first");
    let server = site.serve();
    let mut client = Client::connect(server.address);
    client.send("GET /a HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
    assert_eq!(client.answer().field("Connection"), Some("keep-alive"));
    client.send("GET /a HTTP/1.0\r\n\r\n");
    assert_eq!(client.answer().field("Connection"), Some("close"));
    client.expect_end();
    server.stop();
}

#[test]
fn pipelined_and_split_requests_are_answered_in_order() {
    let site = Site::new();
    let large: Vec<u8> = (0..1_000_000_u32).map(|number| (number % 251) as u8).collect();
    site.put("large", &large);
    site.put("small", "small");
    let server = site.serve();
    let mut client = Client::connect(server.address);
    let request = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: here\r\n\r\n");
    client.send(format!("{0}{1}{0}{2}\r\n{1}", request("/large"), request("/small"), request("/none")));
    for (status, expected) in [(200, Some(&large[..])), (200, Some(b"small")), (200, Some(&large)), (404, None)] {
        let answer = client.answer();
        assert!(answer.status == status && expected.is_none_or(|expected| answer.body == expected));
    }
    assert_eq!(client.answer().text(), "small");
    for byte in request("/small").bytes() {
        client.send([byte]);
    }
    assert_eq!(client.answer().text(), "small");
    server.stop();
}

#[test]
fn a_half_closed_client_still_gets_its_answers() {
    let site = Site::new();
    site.put("a", "first");
    let server = site.serve();
    let mut client = Client::connect(server.address);
    client.ask("GET /a", &[]);
    client.ask("GET /a", &[]);
    client.stream().shutdown(Shutdown::Write).expect("it is open");
    assert_eq!((client.answer().status, client.answer().status), (200, 200));
    client.expect_end();
    server.stop();
}

#[test]
fn single_existing_ranges_are_served() {
    let site = Site::new();
    site.put("digits", "0123456789");
    site.put("empty", "");
    let server = site.serve();
    let mut client = Client::connect(server.address);
    let mut ask = |path: &str, range: &str| {
        client.ask(&format!("GET /{path}"), &[&format!("Range: {range}")]);
        let answer = client.answer();
        let place = answer.field("Content-Range").unwrap_or("-").to_owned();
        let text = if answer.status == 416 { "" } else { answer.text() };
        (answer.status, place, text.to_owned())
    };
    for (range, first, last) in [
        ("bytes=0-0", 0, 0),
        ("bytes=2-4", 2, 4),
        ("bytes=7-", 7, 9),
        ("bytes=-3", 7, 9),
        ("bytes=-100", 0, 9),
        ("bytes=9-99999999999999999999999", 9, 9),
        ("Bytes = 1-2", 1, 2),
    ] {
        let expected = (206, format!("bytes {first}-{last}/10"), "0123456789"[first..=last].to_owned());
        assert_eq!(ask("digits", range), expected, "{range}");
    }
    for range in ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=99999999999999999999999-"] {
        assert_eq!(ask("digits", range), (416, "bytes */10".into(), String::new()), "{range}");
    }
    assert_eq!(ask("empty", "bytes=0-"), (416, "bytes */0".into(), String::new()));
    // Malformed and multiple ranges are ignored.
    for range in
        ["bytes=4-2", "bytes=0-1,3-4", "bytes=a-b", "bytes=-", "bytes", "lines=1-2", "bytes=+1-2", "bytes=1--2"]
    {
        assert_eq!(ask("digits", range), (200, "-".into(), "0123456789".into()), "{range}");
    }
    server.stop();
}

#[test]
fn a_version_that_the_client_has_is_not_sent_again() {
    let site = Site::new();
    site.put("a", "first");
    let server = site.serve();
    let answer = get(server.address, "/a", &[]);
    let (tag, date) = (answer.field("ETag").expect("it is there"), answer.field("Last-Modified").expect("it is there"));
    let weak = format!("If-None-Match: \"other\", W/{tag}");
    let cases = [
        (304, vec![format!("If-None-Match: {tag}")]),
        (304, vec![weak]),
        (304, vec!["If-None-Match: *".into()]),
        (200, vec!["If-None-Match: \"other\"".into(), format!("If-Modified-Since: {date}")]),
        (304, vec![format!("If-Modified-Since: {date}")]),
        (304, vec!["If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT".into()]),
        (200, vec!["If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT".into()]),
        (200, vec!["If-Modified-Since: yesterday".into()]),
        (206, vec!["Range: bytes=1-2".into(), format!("If-Range: {tag}")]),
        (206, vec!["Range: bytes=1-2".into(), format!("If-Range: {date}")]),
        (200, vec!["Range: bytes=1-2".into(), "If-Range: \"other\"".into()]),
    ];
    let mut client = Client::connect(server.address);
    for (status, fields) in cases {
        client.ask("GET /a", &fields.iter().map(|field| &**field).collect::<Vec<_>>());
        let answer = client.answer();
        assert_eq!(answer.status, status, "{fields:?}");
        assert_eq!(answer.field("ETag"), Some(tag), "{fields:?}");
    }
    server.stop();
}

#[test]
fn many_concurrent_clients_each_get_the_requested_file() {
    let site = Site::new();
    let content = |number: usize| vec![number as u8; 1 + number * 10_000];
    for number in 0..20 {
        site.put(&number.to_string(), content(number));
    }
    let server = site.serve();
    thread::scope(|scope| {
        for client in 0..20 {
            let address = server.address;
            scope.spawn(move || {
                let mut connection = Client::connect(address);
                for request in 0..40 {
                    let number = (client + request) % 20;
                    connection.ask(&format!("GET /{number}"), &[]);
                    assert!(connection.answer().body == content(number), "{number}");
                }
            });
        }
    });
    server.stop();
}
