//! The link crawler: its parts, and the program with servers, some of them faulty and some written by others.

#[path = "../../examples/crawler/body.rs"]
mod body;
#[allow(dead_code, reason = "the program uses the rest")]
#[path = "../../examples/crawler/crawl.rs"]
pub(crate) mod crawl;
#[allow(dead_code, reason = "the program uses the rest")]
#[path = "../../examples/crawler/http.rs"]
pub(crate) mod http;
#[allow(dead_code, reason = "the program uses the rest")]
#[cfg_attr(feature = "tls", path = "../../examples/crawler/https.rs")]
#[cfg_attr(not(feature = "tls"), path = "../../examples/crawler/no_https.rs")]
mod https;
#[path = "../../examples/crawler/links.rs"]
mod links;
mod parts;
mod program;
mod site;
#[allow(dead_code, reason = "the program uses the rest")]
#[path = "../../examples/crawler/url.rs"]
mod url;
