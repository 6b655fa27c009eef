//! Clients that people use: `curl` and `wrk`.

use std::fs;

use crate::file_server::server::{Server, Site};
use crate::support::tools::{needs, tool};

/// The standard output of `curl`.
fn curl(arguments: &[&str]) -> Vec<u8> {
    let output = tool("curl").args(["--silent", "--show-error", "--fail"]).args(arguments).output();
    let output = output.expect("it is installed");
    assert!(output.status.success(), "curl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn large() -> Vec<u8> {
    (0..64_u32 << 20).map(|number| (number % 251) as u8).collect()
}

#[test]
fn curl_gets_files_heads_ranges_and_errors() {
    needs!("curl");
    let site = Site::new();
    site.put("a.txt", "0123456789");
    site.put("dir/index.html", "index");
    let server = site.serve();
    let url = server.url("/a.txt");
    assert_eq!(curl(&[&url]), b"0123456789");
    assert_eq!(curl(&["--range", "2-4", &url]), b"234");
    assert_eq!(curl(&["--range", "-2", &url]), b"89");
    assert_eq!(curl(&["--http1.0", &url]), b"0123456789");
    assert_eq!(curl(&["--location", &server.url("/dir")]), b"index");
    assert_eq!(
        curl(&["--write-out", "%{http_code} %{num_connects} ", &url, &url]),
        b"0123456789200 1 0123456789200 0 "
    );
    let head = String::from_utf8(curl(&["--head", &url])).expect("it is text");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("\r\nContent-Length: 10\r\n"), "{head}");
    let code = ["--output", "/dev/null", "--no-fail", "--write-out", "%{http_code}"];
    for (path, expected) in [("/none", "404"), ("/../../etc/passwd", "404")] {
        let url = server.url(path);
        assert_eq!(curl(&[&code[..], &["--path-as-is", &url]].concat()), expected.as_bytes(), "{path}");
    }
    server.stop();
}

#[test]
fn curl_gets_a_large_file_and_resumes_a_partial_one() {
    needs!("curl");
    let site = Site::new();
    let content = large();
    site.put("large", &content);
    let server = site.serve();
    assert!(curl(&[&server.url("/large")]) == content);
    let part = site.path().with_file_name("part");
    fs::write(&part, &content[..12_345_678]).expect("there is room on the disk");
    curl(&["--continue-at", "-", "--output", part.to_str().expect("it is text"), &server.url("/large")]);
    assert!(fs::read(part).expect("curl has written it") == content);
    server.stop();
}

#[test]
fn a_large_file_costs_the_server_no_memory() {
    let site = Site::new();
    site.put("large", large());
    let server = site.serve();
    let before = server.process.memory();
    let mut clients: Vec<_> = (0..8).map(|_| crate::file_server::client::Client::connect(server.address)).collect();
    for client in &mut clients {
        client.ask("GET /large", &["Connection: close"]);
    }
    for client in &mut clients {
        let count = std::io::copy(&mut client.stream(), &mut std::io::sink()).expect("it ends well");
        assert!(count > 64 << 20);
    }
    let more = server.process.peak_memory() - before;
    assert!(more < 8 << 20, "{more} bytes more than before");
    drop(clients);
    server.stop();
}

/// The output of `wrk`. All answers must be successful, and no connection broken.
fn wrk(server: &Server, connections: &str, path: &str) -> String {
    let url = server.url(path);
    let arguments = ["--threads", "1", "--duration", "1s", "--connections", connections, &url];
    let output = tool("wrk").args(arguments).output().expect("it is installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(!text.contains("Non-2xx") && !text.contains("Socket errors"), "{text}");
    text
}

#[test]
fn wrk_gets_only_successful_answers() {
    needs!("wrk");
    let site = Site::new();
    site.put("small", "hello");
    site.put("larger", vec![7; 300_000]);
    let server = site.serve();
    for (connections, path) in [("1", "/small"), ("50", "/small"), ("20", "/larger"), ("20", "/")] {
        let text = wrk(&server, connections, path);
        let requests =
            text.split_whitespace().zip(text.split_whitespace().skip(1)).find(|(_, next)| *next == "requests");
        let requests: u64 = requests.and_then(|(count, _)| count.parse().ok()).expect("it counts");
        assert!(requests > 0, "{text}");
    }
    server.stop();
}
