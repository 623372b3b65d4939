//! The status of a run, as lists show it.

use serde::Serialize;

/// The status of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The training is finished.
    Finished,
    /// A process is training it now.
    Training,
    /// The training was interrupted, and `resume` continues it.
    Interrupted,
    /// The loss became NaN or infinite. The training would diverge again.
    Diverged,
    /// A file of the run can't be read.
    Damaged,
    /// The run does not exist yet.
    Missing,
}

impl Status {
    /// The status as a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Training => "training",
            Self::Interrupted => "interrupted",
            Self::Diverged => "diverged",
            Self::Damaged => "damaged",
            Self::Missing => "missing",
        }
    }

    /// Whether the training has ended for good: it finished or diverged.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Finished | Self::Diverged)
    }
}
