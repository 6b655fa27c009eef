//! Finding the file or directory for a path. Everything here may wait for a disk, so it runs in a thread.

use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::SystemTime;

use super::response::Status;

/// The result of looking up a path.
#[derive(Debug)]
pub(crate) enum Resource {
    File {
        file: File,
        length: u64,
        modified: SystemTime,
        media_type: &'static str,
    },
    /// A page that lists a directory without an index.
    Listing(String),
    /// A directory that was requested without a slash. A redirect adds it, because the links in a listing need it.
    Moved(String),
    Nothing(Status),
}

/// The file that represents its directory.
const INDEX: &str = "index.html";

/// Looks for `path` below `root`, which is a real path.
pub(crate) fn find(root: &Path, path: Option<&Path>, as_directory: bool) -> Resource {
    let Some(path) = path else { return Resource::Nothing(Status::NOT_FOUND) };
    find_below(root, path, as_directory).unwrap_or_else(|error| {
        Resource::Nothing(match error.kind() {
            io::ErrorKind::PermissionDenied => Status::FORBIDDEN,
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Status::NOT_FOUND,
            // A circle of symbolic links. The standard library has no stable name for this error.
            _ if error.raw_os_error() == Some(libc::ELOOP) => Status::NOT_FOUND,
            _ => Status::INTERNAL_SERVER_ERROR,
        })
    })
}

fn find_below(root: &Path, path: &Path, as_directory: bool) -> io::Result<Resource> {
    // A symbolic link may lead anywhere, so check the real path. (Someone who can change the directory while this runs could
    // redirect a link after the check. They could as well put the file there.)
    let real = root.join(path).canonicalize()?;
    if !real.starts_with(root) {
        return Ok(Resource::Nothing(Status::NOT_FOUND));
    }
    let metadata = fs::metadata(&real)?;
    if metadata.is_dir() {
        if !as_directory {
            return Ok(Resource::Moved(format!("/{}/", encoded(path.as_os_str()))));
        }
        return match find_below(root, &path.join(INDEX), false) {
            Ok(index @ Resource::File { .. }) => Ok(index),
            _ => Ok(Resource::Listing(listing(&real, path)?)),
        };
    }
    // Opening anything else, such as a pipe, might block for ever.
    if !metadata.is_file() || as_directory {
        return Ok(Resource::Nothing(Status::NOT_FOUND));
    }
    let file = File::open(&real)?;
    let metadata = file.metadata()?;
    let media_type = media_type(&real);
    Ok(Resource::File { length: metadata.len(), modified: metadata.modified()?, file, media_type })
}

/// A page that lists a directory.
fn listing(directory: &Path, path: &Path) -> io::Result<String> {
    let mut names: Vec<(OsString, bool)> = fs::read_dir(directory)?
        .map(|entry| entry.map(|entry| (entry.file_name(), entry.path().is_dir())))
        .collect::<io::Result<_>>()?;
    names.sort();
    let title = escaped(&format!("/{}", path.to_string_lossy()));
    let mut page =
        format!("<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n<h1>{title}</h1>\n<ul>\n");
    if !path.as_os_str().is_empty() {
        page.push_str("<li><a href=\"../\">../</a>\n");
    }
    for (name, is_directory) in names {
        let slash = if is_directory { "/" } else { "" };
        let (link, text) = (encoded(&name), escaped(&name.to_string_lossy()));
        writeln!(page, "<li><a href=\"{link}{slash}\">{text}{slash}</a>").expect("a string takes all");
    }
    page.push_str("</ul>\n");
    Ok(page)
}

/// Escapes text for HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// Percent-encodes a path for a URL. Keeps slashes.
fn encoded(path: &OsStr) -> String {
    let mut result = String::new();
    for byte in path.as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                result.push(char::from(*byte))
            }
            byte => write!(result, "%{byte:02X}").expect("a string takes all"),
        }
    }
    result
}

/// The media type that a file's name suggests.
fn media_type(path: &Path) -> &'static str {
    let ending = path.extension().and_then(OsStr::to_str).unwrap_or_default().to_ascii_lowercase();
    match ending.as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "txt" | "md" | "rs" | "py" | "toml" | "log" => "text/plain; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "json" => "application/json",
        "xml" => "application/xml",
        "pdf" => "application/pdf",
        "wasm" => "application/wasm",
        "zip" => "application/zip",
        "gz" | "tgz" => "application/gzip",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}
