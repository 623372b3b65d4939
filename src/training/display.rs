//! The interface through which a training is shown while it runs.

use burn::train::Interrupter;
use burn::train::renderer::MetricsRenderer;

use super::history::History;

/// Shows a training while it runs.
pub trait Display {
    /// Starts to show the training that has this history. `interrupter` stops it after the current step.
    fn open(&self, history: &History, interrupter: &Interrupter) -> Box<dyn MetricsRenderer>;

    /// Stops showing it, and restores the terminal.
    fn close(&self);
}
