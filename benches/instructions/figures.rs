//! Instructions an operation, as they are committed, and what has become of them.

use std::fmt::Write;

/// What was counted by one compiler.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Figures {
    /// What decides on the instructions besides the source: the compiler's version and the C library's.
    pub(crate) tools: String,
    pub(crate) lines: Vec<Figure>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) ours: f64,
    pub(crate) bound: f64,
}

/// By how much a count may grow.
const TOLERANCE: f64 = 0.05;
/// With other tools, what is compared is the ratio to the bound, which they change too: by so much.
const OTHER_TOOLS: f64 = 0.15;

const HEAD: &str = "\
# User instructions an operation: ours / its bound's. The check fails when one of ours has grown by more than 5 %.
# To renew them: cargo bench --bench NAME -- --instructions --renew
";

impl Figures {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
        let tools = lines.next().and_then(|line| line.strip_prefix("counted with ")).ok_or("no line says by what")?;
        let figure = |line: &str| {
            let (name, counts) = line.rsplit_once(" = ")?;
            let (ours, bound) = counts.split_once(" / ")?;
            Some(Figure { name: name.into(), ours: ours.parse().ok()?, bound: bound.parse().ok()? })
        };
        let lines = lines.map(|line| figure(line).ok_or_else(|| format!("{line:?} is no figure")));
        Ok(Self { tools: tools.into(), lines: lines.collect::<Result<_, _>>()? })
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!("{HEAD}counted with {}\n", self.tools);
        for Figure { name, ours, bound } in &self.lines {
            writeln!(text, "{name} = {ours:.1} / {bound:.1}").expect("a string takes all");
        }
        text
    }

    /// What is wrong with these counts, a sentence each.
    pub(crate) fn faults(&self, counted: &Self) -> Vec<String> {
        let mut faults = Vec::new();
        for now in &counted.lines {
            match self.lines.iter().find(|before| before.name == now.name) {
                None => faults.push(format!("{}: there is no figure to compare its {:.1} with", now.name, now.ours)),
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
        faults.extend(gone.map(|before| format!("{}: it has a figure, and is not counted any more", before.name)));
        faults
    }
}
