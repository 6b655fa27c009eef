//! The program, with correct and faulty servers.

use std::process::Command;
use std::sync::atomic::Ordering;

use crate::crawler::http::PAGE;
use crate::crawler::site::{Crawled, Reply, Site, crawl, page, raw, results_file};
use crate::support::process::{Process, example, until};
use crate::support::tools::{needs, tool};

fn pairs(site: &Site, links: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut pairs: Vec<_> = links.iter().map(|(page, link)| (site.url(page), site.url(link))).collect();
    pairs.sort();
    pairs
}

#[test]
fn each_page_is_fetched_once_and_each_link_is_a_line() {
    let site = Site::of([
        ("/", page("<a href=a><a href='/a#part'><a href=b?x=1>")),
        ("/a", page("<a href=/><a href=./b?x=1>")),
        ("/b?x=1", page("<a href=b?x=1><img src=picture.png><a href=mailto:x@y>")),
    ]);
    let Crawled { code, output, errors, links } = crawl(&site.url("/"), &[]);
    assert_eq!((code, errors), (Some(0), vec![]));
    assert_eq!(output, ["3 pages, 6 links, 0 failures"]);
    let expected =
        [("/", "/a"), ("/", "/b?x=1"), ("/a", "/"), ("/a", "/b?x=1"), ("/b?x=1", "/b?x=1"), ("/b?x=1", "/picture.png")];
    assert_eq!(links, pairs(&site, &expected));
    assert_eq!(site.asked(), ["/", "/a", "/b?x=1"]);
}

/// A site with every possible failure of a page. Each failure is reported once, and good pages are found.
#[test]
fn pages_that_fail_are_reported_and_the_rest_go_on() {
    let names = ["gone", "slow", "chunked", "round", "circle", "bad", "chunks", "early", "nothing", "big", "endless"];
    let links: String = names.iter().map(|name| format!("<a href={name}>")).collect();
    let big = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", PAGE + 1);
    let site = Site::of([
        ("/", Reply::Bytes(format!("HTTP/1.0 200 OK\r\n\r\n{links}").into_bytes())),
        ("/slow", Reply::Never),
        (
            "/chunked",
            raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n<a href=w\r\n4\r\nell>\r\n0\r\n\r\n"),
        ),
        ("/well", page("")),
        ("/round", raw("HTTP/1.1 302 Found\r\nLocation: round\r\n\r\n")),
        ("/circle", raw("HTTP/1.1 301 Moved\r\nLocation: /circle/2\r\n\r\n")),
        ("/circle/2", raw("HTTP/1.1 301 Moved\r\nLocation: ../circle\r\n\r\n")),
        ("/bad", raw("what?\r\n\r\n")),
        ("/chunks", raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n")),
        ("/early", raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<a href=lost>")),
        ("/nothing", raw("")),
        ("/big", Reply::Bytes(big.into_bytes())),
        ("/endless", Reply::Endless(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; 65_536])),
    ]);
    let Crawled { code, output, errors, links } = crawl(&site.url("/"), &["--seconds", "3"]);
    let large = format!("larger than {PAGE} bytes");
    let mut expected: Vec<_> = [
        ("/gone", "404 Not Found"),
        ("/slow", "not there after 3s"),
        ("/round", "it has moved too often"),
        ("/circle/2", "it has moved too often"),
        ("/bad", "malformed HTTP: an unreadable head"),
        ("/chunks", "malformed HTTP: a chunk without its size"),
        ("/early", "the connection ends before the answer does"),
        ("/nothing", "the connection ends before the answer does"),
        ("/big", &large),
        ("/endless", &large),
    ]
    .iter()
    .map(|(page, why)| format!("{}: {why}", site.url(page)))
    .collect();
    expected.sort();
    assert_eq!(errors, expected);
    assert_eq!((code, output), (Some(0), vec!["3 pages, 12 links, 10 failures".to_owned()]));
    assert!(links.contains(&(site.url("/chunked"), site.url("/well"))));
}

#[test]
fn redirects_are_followed_and_links_resolve_against_the_target() {
    let site = Site::of([
        ("/", raw("HTTP/1.1 301 Moved\r\nLocation: /new/home\r\n\r\n")),
        ("/new/home", page("<a href=more>")),
        ("/new/more", page("")),
    ]);
    let Crawled { code, errors, links, .. } = crawl(&site.url("/"), &[]);
    assert_eq!((code, errors), (Some(0), vec![]));
    assert_eq!(links, pairs(&site, &[("/new/home", "/new/more")]));
}

#[test]
fn other_servers_are_listed_and_crawled_only_with_any_host() {
    let other = Site::of([("/", page(""))]);
    let text = format!("<a href={}><a href=https://127.0.0.1:1/>", other.url("/"));
    let answer = format!("HTTP/1.1 200 OK\r\n\r\n{text}").into_bytes();
    let site = Site::of([("/", Reply::Bytes(answer))]);
    let crawled = crawl(&site.url("/"), &[]);
    assert_eq!(crawled.output, ["1 pages, 2 links, 0 failures"]);
    assert!(crawled.links.contains(&(site.url("/"), other.url("/"))));
    assert!(other.asked().is_empty());
    assert_eq!(crawl(&site.url("/"), &["--any-host"]).output, ["2 pages, 2 links, 0 failures"]);
    assert_eq!(other.asked(), ["/"]);
}

#[test]
fn redirects_to_another_server_are_reported() {
    let site = Site::of([("/", raw("HTTP/1.1 301 Moved\r\nLocation: https://secure.example/\r\n\r\n"))]);
    let Crawled { code, errors, .. } = crawl(&site.url("/"), &["--any-host"]);
    let expected = format!("{}: it has moved to https://secure.example/, outside the crawl", site.url("/"));
    assert_eq!((code, errors), (Some(1), vec![expected]));
}

#[test]
fn depth_pages_and_workers_are_limited() {
    let links: String = (0..50).map(|number| format!("<a href=/{}>", number % 10)).collect();
    let names = ["/0", "/1", "/2", "/3", "/4", "/5", "/6", "/7", "/8", "/9"];
    let deep = || names.map(|name| (name, page("<a href=/deep>"))).into_iter().chain([("/deep", page(""))]);
    let site = Site::of(deep().chain([("/", page(&links))]));
    assert_eq!(crawl(&site.url("/"), &["--depth", "0"]).output, ["1 pages, 10 links, 0 failures"]);
    assert_eq!(crawl(&site.url("/"), &["--depth", "1"]).output, ["11 pages, 20 links, 0 failures"]);
    assert_eq!(crawl(&site.url("/"), &["--pages", "4"]).output, ["4 pages, 13 links, 0 failures"]);
    let site = Site::of(deep().chain([("/", page(&links))]));
    assert_eq!(crawl(&site.url("/"), &["--workers", "3"]).output, ["12 pages, 20 links, 0 failures"]);
    assert!(site.most.load(Ordering::SeqCst) <= 3);
}

#[test]
fn a_failing_start_page_fails_the_crawl() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port is free");
    let Crawled { code, output, errors, .. } = crawl(&format!("http://{nobody}/"), &[]);
    assert_eq!((code, output), (Some(1), vec!["0 pages, 0 links, 1 failures".to_owned()]));
    assert!(errors.len() == 1 && errors[0].to_lowercase().contains("refused"), "{errors:?}");
}

#[test]
fn an_invalid_command_line_prints_the_usage() {
    let lines: [(&[&str], &str); 6] = [
        (&[], "expected a URL to start from"),
        (&["ftp://a/"], "ftp://a/: expected http://…"),
        (&["http://a/", "--depth"], "--depth: expected a value after it"),
        (&["http://a/", "--depth", "-1"], "--depth: expected a number, not -1"),
        (&["http://a/", "--workers", "0"], "--workers: at least one is needed"),
        (&["http://a/", "--what"], "--what: no such option"),
    ];
    for (arguments, why) in lines {
        let process = Process::spawn(Command::new(example("crawler")).args(arguments)).expect("it can be started");
        let (status, output, errors) = process.finish();
        assert_eq!((status.code(), output, errors[0].as_str()), (Some(2), vec![], &*format!("crawler: {why}")));
    }
}

#[test]
fn a_failure_to_write_results_ends_the_crawl() {
    // Always full.
    let site = Site::of([("/", page("<a href=/>"))]);
    let mut command = Command::new(example("crawler"));
    command.args([&site.url("/"), "--results", "/dev/full"]);
    let (status, output, errors) = Process::spawn(&mut command).expect("it can be started").finish();
    assert_eq!((status.code(), output, errors.len()), (Some(1), vec![], 1), "{errors:?}");
    assert!(errors[0].contains("No space left"), "{errors:?}");
}

#[test]
fn ctrl_c_ends_the_crawl_and_keeps_the_results() {
    let site = Site::of([("/", page("<a href=/never>")), ("/never", Reply::Never)]);
    let file = results_file();
    let mut command = Command::new(example("crawler"));
    command.args([&site.url("/"), "--seconds", "600", "--results"]).arg(&file);
    let process = Process::spawn(&mut command).expect("it can be started");
    until("it waits for what never comes", || site.asked().len() == 2);
    until("the first page is written", || std::fs::read(&file).is_ok_and(|text| !text.is_empty()));
    process.signal("INT");
    let (status, output, errors) = process.finish();
    assert_eq!((status.code(), output, errors.len()), (Some(130), vec![], 1), "{errors:?}");
    let text = std::fs::read_to_string(&file).expect("it is text");
    assert_eq!(text, format!("{}\t{}\n", site.url("/"), site.url("/never")));
    let _ = std::fs::remove_file(file);
}

/// A directory with pages, and their links.
fn directory(name: &str) -> std::path::PathBuf {
    let root = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.{}", std::process::id()));
    std::fs::create_dir_all(root.join("sub dir")).expect("it can be made");
    let write = |path: &str, text: &str| std::fs::write(root.join(path), text).expect("it can be written");
    write("index.html", "<a href='sub dir/a.html'><a href=missing.html><img src=picture.png>");
    write("sub dir/a.html", "<a href=../index.html><a href=b.html?x#y>");
    write("sub dir/b.html", &format!("<a href=/picture.png>{}", "text ".repeat(100_000)));
    write("picture.png", "no picture");
    root
}

/// The result of a crawl of [`directory`], with any server.
fn check_directory(address: &str) {
    let Crawled { code, output, errors, mut links } = crawl(&format!("http://{address}/index.html"), &[]);
    assert_eq!((code, output), (Some(0), vec!["3 pages, 6 links, 1 failures".to_owned()]), "{errors:?}");
    assert_eq!(errors.len(), 1);
    assert!(errors[0].starts_with(&format!("http://{address}/missing.html: 404 ")), "{errors:?}");
    let strip = |url: &mut String| *url = url.replace(&format!("http://{address}"), "");
    links.iter_mut().for_each(|(page, link)| [page, link].into_iter().for_each(strip));
    let expected = [
        ("/index.html", "/missing.html"),
        ("/index.html", "/picture.png"),
        ("/index.html", "/sub%20dir/a.html"),
        ("/sub%20dir/a.html", "/index.html"),
        ("/sub%20dir/a.html", "/sub%20dir/b.html?x"),
        ("/sub%20dir/b.html?x", "/picture.png"),
    ];
    assert_eq!(links, expected.map(|(page, link)| (page.to_owned(), link.to_owned())));
}

#[test]
fn a_site_served_by_python_is_crawled() {
    needs!("python3");
    let root = directory("python");
    let mut command = tool("python3");
    command.args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory"]).arg(&root);
    let server = Process::spawn(&mut command).expect("it is installed");
    // "Serving HTTP on 127.0.0.1 port 34567 (http://127.0.0.1:34567/) ..."
    let line = server.line().unwrap_or_else(|| panic!("it says nothing, but {:?}", server.error_line()));
    let port = line.split(' ').nth(5).unwrap_or_else(|| panic!("no port in {line:?}"));
    check_directory(&format!("127.0.0.1:{port}"));
    let _ = std::fs::remove_dir_all(root);
}

#[test]
fn a_site_served_by_the_file_server_is_crawled() {
    let root = directory("file_server");
    let mut command = Command::new(example("file_server"));
    let server = Process::spawn(command.arg(&root).arg("127.0.0.1:0")).expect("it can be started");
    check_directory(&server.listening().to_string());
    let _ = std::fs::remove_dir_all(root);
}
