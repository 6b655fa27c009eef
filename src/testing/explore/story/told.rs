//! [`Told`]: a finished story.

use core::fmt::{self, Write as _};

use super::super::super::graph::Graph;
use super::super::counted;
use super::paths::{Path, Paths};

/// A line of a story.
pub(in super::super) struct Line {
    /// What each run of the schedule must repeat.
    pub(in super::super) text: String,
    /// What may differ, such as the text of an exception.
    pub(in super::super) more: String,
    /// A step or a fault, and not a heading.
    pub(in super::super) is_step: bool,
    /// The number of choices that were made before.
    pub(in super::super) choices: usize,
}

/// A finished story.
#[derive(Default)]
pub(in super::super) struct Told {
    lines: Vec<Line>,
    text: String,
    paths: Vec<Path>,
}

/// The numbers of steps that are shown at the beginning and at the end of a long story.
const FIRST: usize = 10;
const LAST: usize = 30;

/// The most tasks whose paths are shown.
const PATHS: usize = 20;

impl Told {
    pub(super) fn new(lines: Vec<Line>, paths: Paths) -> Self {
        let text = lines.iter().fold(String::new(), |mut text, line| {
            let _ = writeln!(text, "{line}");
            text
        });
        Self { lines, text, paths: paths.into_vec() }
    }

    /// The whole story.
    pub(in super::super) fn text(&self) -> &str {
        &self.text
    }

    /// Says where two stories of one schedule part, up to the choice of that number.
    pub(in super::super) fn difference(&self, other: &Self, choice: usize) -> Option<String> {
        let mut steps = 0;
        for at in 0.. {
            let [one, two] = [self, other].map(|told| told.lines.get(at).filter(|line| line.choices <= choice));
            match (one, two) {
                (None, None) => return None,
                (Some(one), Some(two)) if one.text == two.text => steps += usize::from(one.is_step),
                (one, two) => {
                    let [one, two] = [one, two].map(|line| line.map_or("it has ended", |line| line.text.trim()));
                    return Some(format!(
                        "after {}\n  one run:   {one}\n  the other: {two}",
                        counted(steps, "step", "steps")
                    ));
                }
            }
        }
        None
    }

    /// The paths of the tasks of that name.
    pub(in super::super) fn paths_of<'a>(&'a self, task: &'a str) -> impl Iterator<Item = &'a Path> {
        self.paths.iter().filter(move |path| path.task == task)
    }

    /// The path of the tasks of that name, as one graph.
    pub(in super::super) fn graph(&self, task: &str) -> Option<Graph> {
        let mut paths = self.paths_of(task);
        let first = paths.next()?.graph.as_seen();
        paths.for_each(|path| first.add(&path.graph));
        Some(first)
    }
}

/// Shows the beginning and the end of the story, and the path of each task.
impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = self.lines.iter().filter(|line| line.is_step).count();
        let left_out = steps.saturating_sub(FIRST + LAST);
        let mut step = 0;
        // A heading is written before the first of its steps that is shown.
        let mut heading = None;
        for line in &self.lines {
            if !line.is_step {
                heading = Some(line);
                continue;
            }
            step += 1;
            if left_out > 0 && step == FIRST + 1 {
                let steps = counted(left_out, "step is", "steps are");
                writeln!(f, "... {steps} left out; `Failure::story` has the whole story ...")?;
            }
            if step <= FIRST || step > FIRST + left_out {
                if let Some(heading) = heading.take() {
                    writeln!(f, "{heading}")?;
                }
                writeln!(f, "{line}")?;
            }
        }
        if !self.paths.is_empty() {
            writeln!(f, "paths:")?;
        }
        for path in self.paths.iter().take(PATHS) {
            writeln!(f, "  {}: {path}", path.task)?;
        }
        match self.paths.len().checked_sub(PATHS) {
            None | Some(0) => Ok(()),
            Some(more) => writeln!(f, "  ... {} ...", counted(more, "more task", "more tasks")),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, more, is_step, .. } = self;
        write!(f, "{}{text}{more}", if *is_step { "  " } else { "" })
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
