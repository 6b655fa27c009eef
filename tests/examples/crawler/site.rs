//! A web site on blocking sockets, whose answers a test chooses, and the crawler in a process.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::support::events::Log;
use crate::support::process::{Process, example};

/// The answer to a request.
pub(crate) enum Reply {
    /// All of this is sent, and the connection closed.
    Bytes(Vec<u8>),
    /// Nothing is sent, and the connection stays open until the other end closes it.
    Never,
    /// This is sent again and again, until the other end closes.
    Endless(Vec<u8>, Vec<u8>),
}

pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    /// The targets that were asked for, in order.
    asked: Log,
    /// How many requests were open at once, at the most.
    pub(crate) most: Arc<AtomicUsize>,
}

impl Site {
    /// The answer for missing pages is a 404.
    pub(crate) fn of(pages: impl IntoIterator<Item = (&'static str, Reply)>) -> Self {
        let pages: Arc<BTreeMap<_, _>> = Arc::new(pages.into_iter().collect());
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let (asked, most, open) = (Log::default(), Arc::default(), Arc::new(AtomicUsize::new(0)));
        let site = Self { address, asked: asked.clone(), most: Arc::clone(&most) };
        // It ends with the process.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (pages, asked) = (Arc::clone(&pages), asked.clone());
                let (most, open) = (Arc::clone(&most), Arc::clone(&open));
                thread::spawn(move || {
                    most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    let target = request(&stream);
                    let page = pages.get(target.as_str());
                    asked.add(target);
                    // Before the answer, behind which the next request may come.
                    open.fetch_sub(1, Ordering::SeqCst);
                    reply(&stream, page);
                });
            }
        });
        site
    }

    pub(crate) fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }

    /// The requested targets, sorted.
    pub(crate) fn asked(&self) -> Vec<String> {
        let mut asked = self.asked.entries();
        asked.sort();
        asked
    }
}

/// Reads the head of a request. Returns its target.
fn request(stream: &TcpStream) -> String {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    let fields: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
    assert!(fields.iter().any(|field| field.starts_with("Host: 127.0.0.1:")), "{fields:?}");
    first.strip_prefix("GET ").and_then(|rest| rest.strip_suffix(" HTTP/1.1")).expect("a request").to_owned()
}

fn reply(mut stream: &TcpStream, page: Option<&Reply>) {
    // The other end may close at any time.
    let _ = match page {
        None => stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
        Some(Reply::Bytes(bytes)) => stream.write_all(bytes),
        Some(Reply::Never) => std::io::copy(&mut stream, &mut std::io::sink()).map(drop),
        Some(Reply::Endless(head, piece)) => {
            let _ = stream.write_all(head);
            while stream.write_all(piece).is_ok() {}
            Ok(())
        }
    };
}

/// A page with that text, of a known length.
pub(crate) fn page(text: &str) -> Reply {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n", text.len());
    Reply::Bytes([head.as_bytes(), text.as_bytes()].concat())
}

pub(crate) fn raw(bytes: &str) -> Reply {
    Reply::Bytes(bytes.as_bytes().to_vec())
}

/// The result of a crawl.
pub(crate) struct Crawled {
    pub(crate) code: Option<i32>,
    pub(crate) output: Vec<String>,
    /// Sorted: pages fail in any order.
    pub(crate) errors: Vec<String>,
    /// Sorted, as pairs of a page and a link.
    pub(crate) links: Vec<(String, String)>,
}

/// Runs the crawler.
pub(crate) fn crawl(url: &str, options: &[&str]) -> Crawled {
    let file = results_file();
    let mut command = Command::new(example("crawler"));
    command.arg(url).arg("--results").arg(&file).args(options);
    let (status, output, mut errors) = Process::spawn(&mut command).expect("it can be started").finish();
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    let _ = std::fs::remove_file(file);
    errors.sort();
    let pair = |line: &str| line.split_once('\t').map(|(page, link)| (page.to_owned(), link.to_owned()));
    let mut links: Vec<_> = text.lines().map(|line| pair(line).expect("a page, a tab, a link")).collect();
    links.sort();
    Crawled { code: status.code(), output, errors, links }
}

pub(crate) fn results_file() -> PathBuf {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::SeqCst);
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("links.{}.{number}.tsv", std::process::id()))
}
