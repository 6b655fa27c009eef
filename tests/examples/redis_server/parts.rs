//! The parts without I/O: the parser, patterns, and times.

use super::commands::Command;
use super::floats;
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

#[test]
fn commands_are_found_by_their_names_in_any_case() {
    let mut names = std::collections::BTreeSet::new();
    for command in Command::all() {
        assert!(names.insert(command.name), "{} is there twice", command.name);
        for name in [command.name.to_owned(), command.name.to_uppercase(), command.name.replacen('e', "E", 1)] {
            let found = Command::find(name.as_bytes()).expect("it is there");
            assert_eq!(found.name, command.name);
        }
        for other in [format!("{}x", command.name), format!("\0{}", command.name), command.name[1..].to_owned()] {
            assert!(Command::find(other.as_bytes()).is_none_or(|found| found.name == other), "{other:?}");
        }
    }
    assert!(Command::find(b"").is_none());
}

#[test]
fn numbers_with_a_fraction_have_seventeen_digits() {
    for (number, text) in [
        (0.0, "0"),
        (1.0, "1"),
        (-1.5, "-1.5"),
        (0.1, "0.10000000000000001"),
        (2.7, "2.7000000000000002"),
        (1e16, "10000000000000000"),
        (1e17, "1e+17"),
        (1.5e300, "1.5000000000000001e+300"),
        (0.0001, "0.0001"),
        (0.00001, "1.0000000000000001e-05"),
        (f64::INFINITY, "inf"),
        (f64::NEG_INFINITY, "-inf"),
    ] {
        assert_eq!(floats::text(number), text);
    }
    for (text, number) in [
        ("1", Some(1.0)),
        ("-.5", Some(-0.5)),
        ("1e3", Some(1000.0)),
        ("+inf", Some(f64::INFINITY)),
        ("nan", None),
        ("1e400", None),
        ("1e-400", None),
        ("0e-400", Some(0.0)),
        ("0x10", Some(16.0)),
        ("-0X1.8p3", Some(-12.0)),
        ("0x20000000000001", Some(9_007_199_254_740_992.0)),
        ("0x20000000000001000000000001", Some(2_f64.powi(101) + 2_f64.powi(49))),
        ("0x1p-1074", Some(f64::from_bits(1))),
        ("0x1p-1080", None),
        ("0xfp1024", None),
        ("0x0p9999", Some(0.0)),
        ("0x", None),
        ("0x1p", None),
        ("0x1g", None),
        (" 1", None),
        ("1x", None),
        ("", None),
    ] {
        assert_eq!(floats::parse(text.as_bytes()), number, "{text:?}");
    }
    for (one, other, sum) in [("0.1", "0.2", "0.3"), ("-1", "0.5", "-0.5"), ("1e2", "1", "101"), ("9.9", ".1", "10")] {
        assert!(floats::sum(one.as_bytes(), other.as_bytes()).is_some_and(|found| found.is_ok_and(|text| text == sum)));
    }
}
