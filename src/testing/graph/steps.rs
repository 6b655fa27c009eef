//! The steps of a machine that somebody else drives, such as a task.

use super::Graph;
use super::model::{Landing, Resumption, TransitionKind};
use super::name::{DEEPEST, Frame};

impl Graph {
    /// A copy that later steps do not change.
    pub(in super::super) fn as_seen(&self) -> Self {
        Self::from(self.snapshot())
    }

    /// Notes one step of a machine: where it was, with its children, and where it has come to. `Err` is the end.
    pub(in super::super) fn note_step(
        &self,
        before: &[Frame],
        is_first: bool,
        cause: TransitionKind,
        after: Result<&[Frame], TransitionKind>,
    ) {
        // A machine that shows nothing before its first step is where that step leads to.
        let before = if before.is_empty() { after.unwrap_or_default() } else { before };
        let upper = |frames: &[Frame]| frames[..frames.len().min(DEEPEST)].to_vec();
        let after = match after {
            Ok(after) => Landing::At(upper(after)),
            Err(end) => Landing::End(end),
        };
        self.model().note(Resumption { before: upper(before), is_first, entered: None, cause, after });
    }
}
