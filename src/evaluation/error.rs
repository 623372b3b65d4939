//! Why an evaluation failed.

use burn::tensor::ExecutionError;
use thiserror::Error;

#[derive(Debug, Error)]
pub enum EvaluationError {
    #[error("the device failed while evaluating: {0}")]
    Device(String),
    #[error("the model's output is NaN or infinite: its training diverged; use a smaller optimizer.learning_rate")]
    NotFinite,
}

impl From<ExecutionError> for EvaluationError {
    fn from(error: ExecutionError) -> Self {
        Self::Device(error.to_string())
    }
}
