//! The status of a run, as lists show it.

use std::fmt;

use serde::Serialize;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
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
    #[default]
    Missing,
}

impl Status {
    /// Whether the training has ended for good: it finished or diverged.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Finished | Self::Diverged)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.serialize(f)
    }
}
