//! The parts of the crawler: addresses, links, bodies, and the machine that fetches a page, over a connection in memory.

use innermost::testing::{self, MemoryPair};
use innermost::{Buffer, ByteRead, ByteWrite, CoroutineExt, EventLoop, Exception, Step, from_fn, join, yield_from};

use crate::crawler::body::{Body, BodyError, Chunk, Length};
use crate::crawler::http::{Answer, Exchange, PAGE};
use crate::crawler::links::{LINKS, links};
use crate::crawler::url::Url;

fn joined(page: &str, link: &str) -> String {
    let page = Url::parse(page).expect("an address");
    page.join(link).map_or_else(|| "none".to_owned(), |url| url.to_string())
}

// A page of some megabytes would otherwise come to gigabytes of addresses, each as long as its own.
#[test]
fn long_addresses_and_excess_links_are_left_out() {
    let long = format!("http://a/{}/", "x".repeat(2000));
    assert_eq!(joined(&long, "short"), format!("{long}short"));
    assert_eq!(joined(&long, &"y".repeat(100)), "none");
    assert_eq!(joined("http://a/", &"y".repeat(3000)), "none");
    assert!(Url::parse(&format!("http://a/{}", "x".repeat(3000))).is_none());
    assert_eq!(links(&"<a href=x href=y>".repeat(LINKS)).len(), LINKS);
}

/// RFC 3986, section 5.4, without the parts that `http` does not have.
#[test]
fn links_are_resolved_as_in_the_standard() {
    let examples = [
        ("g", "http://a/b/c/g"),
        ("./g", "http://a/b/c/g"),
        ("g/", "http://a/b/c/g/"),
        ("/g", "http://a/g"),
        ("//g", "http://g/"),
        ("?y", "http://a/b/c/d;p?y"),
        ("g?y", "http://a/b/c/g?y"),
        ("#s", "http://a/b/c/d;p?q"),
        ("g#s", "http://a/b/c/g"),
        ("g?y#s", "http://a/b/c/g?y"),
        (";x", "http://a/b/c/;x"),
        ("", "http://a/b/c/d;p?q"),
        (".", "http://a/b/c/"),
        ("./", "http://a/b/c/"),
        ("..", "http://a/b/"),
        ("../g", "http://a/b/g"),
        ("../..", "http://a/"),
        ("../../../g", "http://a/g"),
        ("/./g", "http://a/g"),
        ("/../g", "http://a/g"),
        ("g.", "http://a/b/c/g."),
        ("..g", "http://a/b/c/..g"),
        ("./g/.", "http://a/b/c/g/"),
        ("g/../h", "http://a/b/c/h"),
        ("g;x=1/../y", "http://a/b/c/y"),
        ("g?y/../x", "http://a/b/c/g?y/../x"),
        ("g#s/../x", "http://a/b/c/g"),
    ];
    for (link, expected) in examples {
        assert_eq!(joined("http://a/b/c/d;p?q", link), expected, "{link}");
    }
}

#[test]
fn equivalent_addresses_are_equal_and_invalid_ones_are_refused() {
    let same = [
        ("HTTP://Example.ORG", "http://example.org/"),
        ("http://example.org:80/a", "http://example.org/a"),
        ("http://example.org:8080?q", "http://example.org:8080/?q"),
        ("https://example.org:443", "https://example.org/"),
        ("http://[::1]:81/", "http://[::1]:81/"),
        (" http://example.org/a b\r\nX: y ", "http://example.org/a%20bX:%20y"),
        ("http://example.org/ä\"", "http://example.org/%C3%A4%22"),
    ];
    for (text, expected) in same {
        assert_eq!(Url::parse(text).map(|url| url.to_string()).as_deref(), Some(expected), "{text}");
    }
    let none = [
        "",
        "http",
        "http:",
        "http:/a",
        "http://",
        "http:///a",
        "ftp://a/",
        "http://a:b/",
        "http://a:65536/",
        "http://user@a/",
        "http://[::1/",
        "http://a b/",
        "http://ä/",
        "//a/",
        "javascript:go()",
        "mailto:a@b",
    ];
    for text in none {
        assert_eq!(Url::parse(text), None, "{text}");
    }
    for link in ["javascript:go()", "mailto:a@b", "data:,x", "http://[", "//"] {
        assert_eq!(joined("http://a/", link), "none", "{link}");
    }
}

#[test]
fn links_are_found_in_any_text() {
    let found = |page| links(page).into_iter().map(|link| (link.text, link.leads_on)).collect::<Vec<_>>();
    let one = |text: &str, leads_on| vec![(text.to_owned(), leads_on)];
    let pages = [
        (r#"<a href="x">"#, one("x", true)),
        ("<A class=y HREF = 'x y' >", one("x y", true)),
        ("<a href=x>", one("x", true)),
        ("<a title='>' href=\"?a=1&amp;b=2\">", one("?a=1&b=2", true)),
        ("<a disabled href=x/y>", one("x/y", true)),
        ("<img src=x>", one("x", false)),
        ("<img src=x/>", one("x/", false)),
        ("<link href=x><iframe src=y>", vec![("x".into(), false), ("y".into(), true)]),
        ("<!-- <a href=x> --><a href=y>", one("y", true)),
        ("<script src=x>'<a href=y>'</SCRIPT><a href=z>", vec![("x".into(), false), ("z".into(), true)]),
        ("1 < 2 <a href=x", one("x", true)),
        ("<a href=\"x", one("x", true)),
        ("<a data-href=x></a href=y>", vec![]),
        ("<!-- <a href=x>", vec![]),
        ("<<<>=\"'/ <a", vec![]),
        ("<a ä href=ö>", one("ö", true)),
    ];
    for (page, expected) in pages {
        assert_eq!(found(page), expected, "{page}");
    }
}

/// Any split of the bytes has the same result.
#[test]
fn chunks_may_be_split_anywhere() {
    let bytes = b"5\r\nhello\r\n001;x=y\r\n \r\n5\r\nworld\r\n0\r\nTrailer: x\r\n\r\n";
    for piece in 1..bytes.len() {
        let mut body = Body::new(Length::Chunked(Chunk::Size)).expect("it may be small");
        let mut left = Vec::new();
        for come in bytes.chunks(piece) {
            left.extend_from_slice(come);
            let used = body.take(&left).expect("these are chunks");
            left.drain(..used);
        }
        assert_eq!(body.whole(false).as_deref(), Some("hello world"), "{piece}");
    }
    for wrong in ["x\r\n", "-1\r\n", "1\r\nab", "1\r\na\n1\r\n", "fffffffffffffffff\r\n"] {
        let mut body = Body::new(Length::Chunked(Chunk::Size)).expect("it may be small");
        assert!(matches!(body.take(wrong.as_bytes()), Err(BodyError::Malformed)), "{wrong}");
    }
}

#[test]
fn a_body_that_is_too_large_is_refused_in_any_framing() {
    assert!(matches!(Body::new(Length::Known(PAGE as u64 + 1)), Err(BodyError::TooLarge)));
    for length in [Length::UntilClosed, Length::Chunked(Chunk::Data(u64::MAX)), Length::Known(PAGE as u64)] {
        let mut body = Body::new(length).expect("it may be small");
        body.take(&vec![b'x'; PAGE]).expect("just small enough");
        let more = body.take(b"x");
        assert!(matches!((length, more), (Length::Known(_), Ok(0)) | (_, Err(BodyError::TooLarge))));
    }
}

/// The machine's result for an answer that arrives in pieces of this size.
fn fetched(answer: &str, piece: usize) -> Result<Answer, String> {
    let (near, far) = MemoryPair::new().moves(move |most| most.min(piece)).build();
    let mut outgoing = Buffer::from(answer.as_bytes().to_vec());
    let mut request = Buffer::new();
    let server = from_fn(move |mut sent: Result<(), Exception>| {
        while !request.bytes().ends_with(b"\r\n\r\n") {
            yield_from!(near.read(&mut request), sent)?;
        }
        yield_from!(near.write_all(&mut outgoing), sent)?;
        yield_from!(near.write_eof(), sent).map(Step::Return)
    });
    // The client closes after the answer, and reads no more.
    let server = server.catch(|_| Ok(()));
    let both = join((server, Exchange::new(far, "/", "a")));
    let event_loop = EventLoop::new().expect("a descriptor is free");
    event_loop.run_until_complete(both).map(|((), answer)| answer).map_err(|raised| raised.to_string())
}

#[test]
fn an_answer_is_parsed_from_any_pieces() {
    let page = |text: &str| Ok(Answer::Page(text.to_owned()));
    let answers = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", page("hello")),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", page("")),
        ("HTTP/1.0 200 \r\n\r\nto the end", page("to the end")),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", page("abc")),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\nx", page("x")),
        ("HTTP/1.1 200 OK\r\nContent-Type: TEXT/HTML; charset=x\r\n\r\nx", page("x")),
        ("HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 99\r\n\r\n", Ok(Answer::NoPage)),
        ("HTTP/1.1 204 No Content\r\n\r\n", Ok(Answer::NoPage)),
        ("HTTP/1.1 301 Moved\r\nLocation: /there\r\n\r\n", Ok(Answer::Moved("/there".to_owned()))),
        ("HTTP/1.1 302 Found\r\n\r\n", Err("302 Found".to_owned())),
        ("HTTP/1.1 404 Not Found\r\n\r\n", Err("404 Not Found".to_owned())),
        ("", Err("the connection ends before the answer does".to_owned())),
        ("HTTP/1.1 200 OK\r\n", Err("the connection ends before the answer does".to_owned())),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello",
            Err("the connection ends before the answer does".to_owned()),
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
            Err("malformed HTTP: an invalid length".to_owned()),
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello", Err("malformed HTTP: an invalid length".to_owned())),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            Err("malformed HTTP: an unknown transfer coding".to_owned()),
        ),
        ("SSH-2.0-OpenSSH_9.2\r\n", Err("malformed HTTP: an unreadable head".to_owned())),
    ];
    for (answer, expected) in answers {
        for piece in [1, 2, 7, 1000] {
            assert_eq!(fetched(answer, piece), expected, "{answer:?} in pieces of {piece}");
        }
    }
}

#[test]
fn every_cut_end_and_interruption_of_an_answer_is_handled() {
    // Each in two parts: from the end of the first one, it is complete.
    let answers = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", ""),
        ("HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", "\r\n"),
        ("HTTP/1.1 100 \r\n\r\nHTTP/1.0 200 \r\n\r\n", "to the end"),
    ];
    for (needed, rest) in answers {
        let answer = [needed, rest].concat();
        let exchange = testing::Exchange::new(|stream| Exchange::new(stream, "/", "a")).input(answer);
        assert!(exchange.run().outcome.is_ok());
        exchange.all_splits();
        exchange.truncations(|length, ended| assert_eq!(ended.outcome.is_ok(), length >= needed.len()));
        exchange.interruptions(|_, _, ended| assert!(ended.outcome.is_err()));
    }
}

#[test]
fn an_endless_head_is_refused() {
    let fields = "X: y\r\n".repeat(20_000);
    let refused = fetched(&format!("HTTP/1.1 200 OK\r\n{fields}"), 10_000);
    assert!(refused.as_ref().is_err_and(|why| why.starts_with("malformed HTTP: ")), "{refused:?}");
    let refused = fetched(&format!("HTTP/1.1 200 OK\r\nX: {}", "y".repeat(100_000)), 10_000);
    assert_eq!(refused, Err("malformed HTTP: a head without end".to_owned()));
}
