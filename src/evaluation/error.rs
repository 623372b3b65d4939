//! Why an evaluation broke off.

use burn::tensor::ExecutionError;
use thiserror::Error;

/// Why an evaluation broke off.
#[derive(Debug, Error)]
pub enum EvaluationError {
    /// The device failed while computing.
    #[error("the device failed while evaluating: {0}")]
    Device(String),
    /// The network's answer is infinite or no number.
    #[error("the model gives no numbers: its training diverged; train it with a smaller optimizer.learning_rate")]
    NotFinite,
}

impl From<ExecutionError> for EvaluationError {
    fn from(error: ExecutionError) -> Self {
        Self::Device(error.to_string())
    }
}
