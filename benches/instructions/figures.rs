//! Instructions per operation: the committed counts, and comparing new counts with them.

use std::fmt::Write;

/// Counts made with one set of tools.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Figures {
    /// The versions of the compiler and of the C library, which affect the counts.
    pub(crate) tools: String,
    pub(crate) lines: Vec<Figure>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) ours: f64,
    pub(crate) bound: f64,
}

/// The share by which a count may grow.
const TOLERANCE: f64 = 0.05;
/// The share by which a ratio to the bound may grow when the tools differ. Other tools change both counts.
const OTHER_TOOLS: f64 = 0.15;

const HEAD: &str = "\
# User instructions per operation: ours / bound. `--check` fails if one of ours has grown by more than 5 %.
# To renew this file: cargo bench --bench NAME -- --instructions --renew
";

impl Figures {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
        let tools =
            lines.next().and_then(|line| line.strip_prefix("counted with ")).ok_or("no line names the tools")?;
        let figure = |line: &str| {
            let (name, counts) = line.rsplit_once(" = ")?;
            let (ours, bound) = counts.split_once(" / ")?;
            Some(Figure { name: name.into(), ours: ours.parse().ok()?, bound: bound.parse().ok()? })
        };
        let lines = lines.map(|line| figure(line).ok_or_else(|| format!("{line:?} is not a count")));
        Ok(Self { tools: tools.into(), lines: lines.collect::<Result<_, _>>()? })
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!("{HEAD}counted with {}\n", self.tools);
        for Figure { name, ours, bound } in &self.lines {
            writeln!(text, "{name} = {ours:.1} / {bound:.1}").expect("a string takes all");
        }
        text
    }

    /// The faults of new counts, one sentence each.
    pub(crate) fn faults(&self, counted: &Self) -> Vec<String> {
        let mut faults = Vec::new();
        for now in &counted.lines {
            match self.lines.iter().find(|before| before.name == now.name) {
                None => faults.push(format!("{}: {:.1} instructions, but no committed count", now.name, now.ours)),
                Some(before) if self.tools == counted.tools && now.ours > before.ours * (1.0 + TOLERANCE) => {
                    let percent = (now.ours / before.ours - 1.0) * 100.0;
                    let Figure { name, ours, .. } = now;
                    faults.push(format!(
                        "{name}: {ours:.1} instructions, {:.1} before: {percent:.1} % more",
                        before.ours
                    ));
                }
                Some(before) if self.tools != counted.tools => {
                    let (ratio, old) = (now.ours / now.bound, before.ours / before.bound);
                    if ratio > old * (1.0 + OTHER_TOOLS) {
                        faults.push(format!("{}: {ratio:.2} times its bound, {old:.2} times before", now.name));
                    }
                }
                Some(_) => {}
            }
        }
        let gone = self.lines.iter().filter(|before| counted.lines.iter().all(|now| now.name != before.name));
        faults.extend(gone.map(|before| format!("{}: committed, but not counted any more", before.name)));
        faults
    }
}
