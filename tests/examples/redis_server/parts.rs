//! The parts without I/O: the parser, patterns, and times.

use super::glob::matches;
use super::resp::{Limits, Parsed, Parser, integer};

#[test]
fn patterns_match_as_in_redis() {
    for (pattern, text, expected) in [
        ("*", "", true),
        ("", "", true),
        ("", "a", false),
        ("h?llo", "hello", true),
        ("h?llo", "hllo", false),
        ("h*llo", "heeello", true),
        ("h[ae]llo", "hello", true),
        ("h[^e]llo", "hello", false),
        ("h[^e]llo", "hallo", true),
        ("h[a-b]llo", "hbllo", true),
        ("h[b-a]llo", "hallo", true),
        ("h\\?llo", "h?llo", true),
        ("h\\?llo", "hello", false),
        ("[\\]]", "]", true),
        ("[a", "a", true),
        ("[^", "a", true),
        ("a**b*c", "axxbyyc", true),
        ("a*b*c", "axxbyy", false),
        ("*a", "aaab", false),
        ("\\", "\\", true),
    ] {
        assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
    }
}

#[test]
fn a_pattern_with_many_stars_takes_no_long_time() {
    let text = vec![b'a'; 100_000];
    assert!(!matches(&b"*a".repeat(50).iter().chain(b"b").copied().collect::<Vec<_>>(), &text));
}

#[test]
fn integers_have_one_form() {
    for (text, number) in [
        ("0", Some(0)),
        ("-1", Some(-1)),
        ("9223372036854775807", Some(i64::MAX)),
        ("-9223372036854775808", Some(i64::MIN)),
        ("9223372036854775808", None),
        ("-9223372036854775809", None),
        ("99999999999999999999", None),
        ("", None),
        ("-", None),
        ("-0", None),
        ("+1", None),
        ("01", None),
        (" 1", None),
        ("1 ", None),
        ("1e3", None),
    ] {
        assert_eq!(integer(text.as_bytes()), number, "{text:?}");
    }
}

/// A parser is given the same bytes again with each new one. If it began anew each time, this would take hours.
#[test]
fn no_byte_is_parsed_twice() {
    let mut requests = vec![b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$2000000\r\n".to_vec()];
    requests[0].extend_from_slice(&vec![b'\r'; 2_000_002]);
    requests.push([&b"*50000\r\n"[..], &b"$1\r\nx\r\n".repeat(50_000)].concat());
    requests.push([&vec![b'x'; 60_000][..], b"\n"].concat());
    let limits = Limits::default();
    for request in requests {
        let mut parser = Parser::default();
        for length in 0..request.len() {
            assert!(matches!(parser.parse(&request[..length], &limits), Ok(Parsed::Part)), "{length}");
        }
        let length = match parser.parse(&request, &limits) {
            Ok(Parsed::Whole(length) | Parsed::Line(length, _)) => length,
            other => panic!("{other:?}"),
        };
        assert_eq!(length, request.len());
    }
}
