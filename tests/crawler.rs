//! The link crawler: its parts by hand, and the program against servers, of which some are bad and some not ours.

#![cfg(all(target_os = "linux", feature = "full"))]

#[path = "../examples/crawler/body.rs"]
mod body;
#[allow(dead_code, reason = "the program uses the rest")]
#[path = "../examples/crawler/http.rs"]
mod http;
#[path = "../examples/crawler/links.rs"]
mod links;
#[path = "crawler/parts.rs"]
mod parts;
#[path = "support/process.rs"]
mod process;
#[path = "crawler/program.rs"]
mod program;
#[path = "crawler/site.rs"]
mod site;
#[path = "support/tools.rs"]
mod tools;
#[allow(dead_code, reason = "the program uses the rest")]
#[path = "../examples/crawler/url.rs"]
mod url;
