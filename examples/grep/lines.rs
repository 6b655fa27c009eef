//! Finding text in lines.

/// What to find, and how to show it.
#[derive(Debug)]
pub(crate) struct Pattern {
    text: Vec<u8>,
    show: Show,
}

/// What is printed of a file in which something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Show {
    Lines,
    NumberedLines,
    Names,
}

/// The output about a file, line by line.
#[derive(Debug)]
pub(crate) struct Output {
    /// Printed before each line: the name of the file and a colon, or nothing.
    pub(crate) prefix: Vec<u8>,
    /// What `-l` prints.
    pub(crate) name: Vec<u8>,
    pub(crate) text: Vec<u8>,
    /// The number of lines so far.
    pub(crate) lines: u64,
}

impl Pattern {
    pub(crate) const fn new(text: Vec<u8>, show: Show) -> Self {
        Self { text, show }
    }

    /// Searches whole lines, and adds what is found to `output`. Returns `false` if the rest of the file need not be searched.
    pub(crate) fn search(&self, lines: &[u8], output: &mut Output) -> bool {
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            output.lines += 1;
            if !contains(line, &self.text) {
                continue;
            }
            if self.show == Show::Names {
                output.text = [&*output.name, b"\n"].concat();
                return false;
            }
            output.text.extend_from_slice(&output.prefix);
            if self.show == Show::NumberedLines {
                output.text.extend_from_slice(format!("{}:", output.lines).as_bytes());
            }
            output.text.extend_from_slice(line);
            output.text.push(b'\n');
        }
        true
    }
}

/// Whether `text` is in `line`. Compares only where the first byte is right.
fn contains(line: &[u8], text: &[u8]) -> bool {
    let Some((first, rest)) = text.split_first() else { return true };
    let mut left = line;
    while let Some(at) = left.iter().position(|byte| byte == first) {
        left = &left[at + 1..];
        if left.starts_with(rest) {
            return true;
        }
    }
    false
}
