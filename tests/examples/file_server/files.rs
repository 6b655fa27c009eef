//! Paths of files and directories, and paths without a file.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use crate::file_server::client::{Client, get};
use crate::file_server::server::Site;
use crate::support::tools::needs;

#[test]
fn names_are_decoded_and_their_extensions_give_the_type() {
    let site = Site::new();
    let server = site.serve();
    for (name, path, media_type) in [
        ("a b.html", "/a%20b.html", "text/html; charset=utf-8"),
        ("ümlaut.CSS", "/%C3%BCmlaut.CSS", "text/css; charset=utf-8"),
        ("100%.json", "/100%25.json", "application/json"),
        ("d/e/f.png", "//d/./e//f.png", "image/png"),
        ("no ending", "/no%20ending", "application/octet-stream"),
        ("x?y#z.tar.gz", "/x%3Fy%23z.tar.gz?a=b#c", "application/gzip"),
        ("..a", "/..a", "application/octet-stream"),
        ("...", "/...", "application/octet-stream"),
    ] {
        site.put(name, name);
        let answer = get(server.address, path, &[]);
        assert_eq!((answer.status, answer.text(), answer.field("Content-Type")), (200, name, Some(media_type)));
    }
    let absolute = get(server.address, "HTTP://elsewhere/a%20b.html", &[]);
    assert_eq!((absolute.status, absolute.text()), (200, "a b.html"));
    let root = get(server.address, "http://elsewhere?/a%20b.html", &[]);
    assert!(root.text().contains("<h1>/</h1>"), "{root:?}");
    server.stop();
}

#[test]
fn no_path_leads_out_of_the_root() {
    let site = Site::new();
    let outside = site.path().parent().expect("it is a level below").join("secret");
    fs::write(&outside, "secret").expect("it may be written");
    fs::create_dir(site.path().with_file_name("root-too")).expect("it is a new name");
    fs::write(site.path().with_file_name("root-too").join("secret"), "secret").expect("it may be written");
    site.put("inside/file", "inside");
    let link = |to: &str, name: &str| symlink(to, site.path().join(name)).expect("it is a new name");
    link("../secret", "link");
    link("..", "up");
    link(outside.to_str().expect("it is text"), "absolute");
    link("inside/file", "good");
    link("loop", "loop");
    link("nowhere", "broken");
    link("../../secret", "inside/index.html");
    let server = site.serve();
    let mut client = Client::connect(server.address);
    for path in [
        "/../secret",
        "/inside/../../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "/.%2E/secret",
        "/inside/..",
        "/inside%2f..%2f..%2fsecret",
        "/../root/inside/file",
        "/../root-too/secret",
        "/link",
        "/up/secret",
        "/up/",
        "/up",
        "/absolute",
        "/loop",
        "/broken",
        "//etc/passwd",
        "/%2Fetc/passwd",
        "/etc/passwd",
        "/inside/file/",
        "/inside/file/more",
        "/nothing",
    ] {
        client.ask(&format!("GET {path}"), &[]);
        let answer = client.answer();
        assert!(matches!(answer.status, 404 | 500), "{path}: {answer:?}");
        assert!(!answer.text().contains("secret"));
    }
    client.ask("GET /good", &[]);
    assert_eq!(client.answer().text(), "inside");
    // Its index leads out, so it has none.
    client.ask("GET /inside/", &[]);
    assert!(client.answer().text().contains("<h1>/inside</h1>"));
    server.stop();
}

#[test]
fn a_directory_is_served_as_its_index_or_an_escaped_listing() {
    let site = Site::new();
    site.put("indexed/index.html", "<p>index");
    let evil = "<script>alert('&\"')</script>";
    // A slash cannot stand in a name.
    let evil = evil.replace('/', "|");
    site.put(&format!("{evil}/a b"), "");
    site.put("javascript:alert(1)", "");
    let server = site.serve();
    let mut client = Client::connect(server.address);

    client.ask("GET /indexed", &[]);
    let moved = client.answer();
    assert_eq!((moved.status, moved.field("Location")), (301, Some("/indexed/")));
    client.ask("GET /indexed?sort=name#top", &[]);
    assert_eq!(client.answer().field("Location"), Some("/indexed/?sort=name"));
    client.ask("GET //indexed", &[]);
    assert_eq!(client.answer().field("Location"), Some("/indexed/"), "and not to another host");
    client.ask("GET /indexed/", &[]);
    let index = client.answer();
    assert_eq!((index.text(), index.field("Content-Type")), ("<p>index", Some("text/html; charset=utf-8")));

    client.ask("GET /", &[]);
    let list = client.answer();
    assert!(list.text().contains("<a href=\"indexed/\">indexed/</a>"), "{}", list.text());
    assert!(list.text().contains("&lt;script&gt;alert(&#39;&amp;&quot;&#39;)&lt;|script&gt;/</a>"), "{}", list.text());
    assert!(!list.text().contains("<script") && list.text().contains("\"javascript%3Aalert%281%29\""));
    client.ask("HEAD /", &[]);
    assert_eq!(client.answer_without_body().field("Content-Length"), Some(&*list.body.len().to_string()));

    // Its links lead on.
    let link = list.text().split("href=\"").find(|rest| rest.starts_with("%3Cscript")).expect("it is listed");
    let link = link.split('"').next().expect("it ends");
    client.ask(&format!("GET /{link}"), &[]);
    assert!(client.answer().text().contains("<a href=\"a%20b\">a b</a>"));
    server.stop();
}

#[test]
fn missing_files_are_not_found_and_unreadable_ones_forbidden() {
    needs!("mkfifo");
    let site = Site::new();
    let pipe = site.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().is_ok_and(|status| status.success()));
    let closed = site.put("closed", "secret");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).expect("it is ours");
    // Root may read everything.
    let expected = if fs::read(&closed).is_ok() { 200 } else { 403 };
    symlink("circle", site.path().join("circle")).expect("there is room");
    let server = site.serve();
    assert_eq!(get(server.address, "/pipe", &[]).status, 404);
    assert_eq!(get(server.address, "/circle", &[]).status, 404);
    assert_eq!(get(server.address, "/closed", &[]).status, expected);
    for long in ["x".repeat(255), "x".repeat(256), "x/".repeat(1024), "x/".repeat(5000)] {
        assert_eq!(get(server.address, &format!("/{long}"), &[]).status, 404);
    }
    server.stop();
}

#[test]
fn a_changed_file_has_a_different_version() {
    let site = Site::new();
    site.put("a", "first");
    let server = site.serve();
    let first = get(server.address, "/a", &[]);
    site.put("a", "second");
    let condition = format!("If-None-Match: {}", first.field("ETag").expect("it is there"));
    let second = get(server.address, "/a", &[&condition]);
    assert_eq!((second.status, second.text()), (200, "second"));
    server.stop();
}
