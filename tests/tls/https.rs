//! The file server over HTTPS, with `curl`, `wrk` and the crawler.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::identities::file;
use crate::support::process::{Process, example};
use crate::support::tools::{needs, tool};

/// A server of the examples' certificates that listens, and its port.
fn server() -> (Process, u16) {
    server_of(file("localhost.pem").parent().expect("it is in one"))
}

fn server_of(directory: &Path) -> (Process, u16) {
    let mut command = Command::new(example("file_server"));
    command.arg("--certificate").arg(file("localhost.pem")).arg("--key").arg(file("localhost.key"));
    command.arg(directory).arg("127.0.0.1:0");
    let process = Process::spawn(&mut command).expect("it can be started");
    let address = process.listening();
    (process, address.port())
}

fn curl(port: u16, arguments: &[&str]) -> String {
    let mut command = tool("curl");
    command.args(["--silent", "--show-error", "--fail", "--cacert"]).arg(file("authority.pem"));
    command.args(["--resolve", &format!("localhost:{port}:127.0.0.1")]).args(arguments);
    let output = command.output().expect("it is installed");
    assert!(output.status.success(), "curl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it is text")
}

#[test]
fn curl_gets_files_heads_and_ranges() {
    needs!("curl");
    let (process, port) = server();
    let url = format!("https://localhost:{port}/authority.pem");
    let content = std::fs::read_to_string(file("authority.pem")).unwrap();
    assert_eq!(curl(port, &[&url]), content);
    assert_eq!(curl(port, &["--range", "2-9", &url]), content[2..10]);
    assert_eq!(curl(port, &["--tls-max", "1.2", &url]), content);
    // Two requests on one connection.
    let twice = curl(port, &["--write-out", "%{http_version} %{num_connects} ", &url, &url]);
    assert_eq!(twice, format!("{content}1.1 1 {content}1.1 0 "));
    process.signal("TERM");
    process.expect_success();
}

#[test]
fn a_client_that_speaks_no_tls_is_reported_and_others_are_served() {
    needs!("curl");
    let (mut process, port) = server();
    let mut client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = client.read_to_end(&mut answer);
    // An alert, and no page.
    assert_eq!(answer.first(), Some(&21), "{answer:?}");
    let line = process.error_line().expect("it is reported");
    assert!(line.contains("TLS") || line.contains("corrupt"), "{line}");
    let content = std::fs::read_to_string(file("authority.pem")).unwrap();
    assert_eq!(curl(port, &[&format!("https://localhost:{port}/authority.pem")]), content);
    process.signal("TERM");
    assert!(process.wait().success());
    assert_eq!(process.error_lines(), [""; 0]);
}

/// Runs the crawler from the page `a.html`. Returns its status, its output, its errors and its results.
fn crawl(port: u16, options: &[&str]) -> (Option<i32>, Vec<String>, Vec<String>, String) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::SeqCst);
    let results = std::env::temp_dir().join(format!("innermost-https-{}-{number}", std::process::id()));
    let mut command = Command::new(example("crawler"));
    command.arg(format!("https://localhost:{port}/a.html")).args(options).arg("--results").arg(&results);
    let (status, output, errors) = Process::spawn(&mut command).expect("it can be started").finish();
    let links = std::fs::read_to_string(&results).unwrap_or_default();
    let _ = std::fs::remove_file(results);
    (status.code(), output, errors, links)
}

#[test]
fn the_crawler_follows_links_over_tls() {
    let site = std::env::temp_dir().join(format!("innermost-site-{}", std::process::id()));
    std::fs::create_dir_all(&site).unwrap();
    std::fs::write(site.join("a.html"), "<a href=b.html>").unwrap();
    std::fs::write(site.join("b.html"), "<a href=/a.html><a href=mailto:a@b>").unwrap();
    let (process, port) = server_of(&site);
    let authority = file("authority.pem");
    let (code, output, errors, links) = crawl(port, &["--authority", authority.to_str().unwrap()]);
    assert_eq!((code, errors), (Some(0), vec![]));
    assert_eq!(output, ["2 pages, 2 links, 0 failures"]);
    let at = format!("https://localhost:{port}");
    assert_eq!(links, format!("{at}/a.html\t{at}/b.html\n{at}/b.html\t{at}/a.html\n"));

    let stranger = file("stranger.pem");
    let (code, _, errors, _) = crawl(port, &["--authority", stranger.to_str().unwrap()]);
    assert_eq!(code, Some(1));
    assert!(errors.len() == 1 && errors[0].contains("UnknownIssuer"), "{errors:?}");
    let (code, _, errors, _) = crawl(port, &[]);
    assert_eq!(code, Some(2));
    assert!(errors[0].contains("--authority"), "{errors:?}");
    std::fs::remove_dir_all(&site).unwrap();
    process.signal("TERM");
    assert!(process.finish().0.success());
}

#[test]
fn wrk_gets_pages_over_many_connections() {
    needs!("wrk");
    let (process, port) = server();
    let url = format!("https://127.0.0.1:{port}/authority.pem");
    let output = tool("wrk").args(["-t1", "-c20", "-d1", &url]).output().expect("it is installed");
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && report.contains("requests in"), "{report}");
    assert!(!report.contains("Socket errors") && !report.contains("Non-2xx"), "{report}");
    process.signal("TERM");
    assert!(process.finish().0.success());
}

#[test]
fn files_that_are_no_certificate_are_named() {
    let key = file("localhost.key");
    let certificate = file("localhost.pem");
    for (certificate, key, named) in [
        (key.clone(), key.clone(), "localhost.key"),
        (certificate.clone(), certificate.clone(), "localhost.pem"),
        (certificate.clone(), file("other.key"), "localhost.pem"),
        (file("none.pem"), key, "none.pem"),
    ] {
        let mut command = Command::new(example("file_server"));
        command.arg("--certificate").arg(certificate).arg("--key").arg(key).arg(".").arg("127.0.0.1:0");
        let (status, output, errors) = Process::spawn(&mut command).unwrap().finish();
        assert_eq!((status.code(), output), (Some(1), vec![]));
        assert!(errors.len() == 1 && errors[0].contains(named), "{errors:?}");
    }
}
