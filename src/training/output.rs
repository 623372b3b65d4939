//! What a step hands to the metrics.

use burn::tensor::{ExecutionError, Tensor};
use burn::train::ClassificationOutput;
use burn::train::metric::{Adaptor, ItemLazy};

/// The loss and the accuracy of a batch. Burn hands them to another thread, which would keep the tensors of a step alive.
#[derive(Debug, Clone)]
pub struct BatchOutput {
    /// The number of images.
    pub images: usize,
    /// The mean loss of an image.
    pub loss: Mean,
    /// The accuracy in percent.
    pub accuracy: Mean,
    /// In validation: the output of the network itself, if the saved model is its moving average.
    pub raw: Option<Box<Self>>,
}

/// A mean over the images of a batch.
#[derive(Debug, Clone)]
pub enum Mean {
    /// The number.
    Number(f64),
    /// The number on a device, `[1]`, not yet read.
    OnDevice(Box<Tensor<1>>),
}

impl From<ClassificationOutput> for BatchOutput {
    fn from(output: ClassificationOutput) -> Self {
        let ClassificationOutput { loss, output, targets } = output;
        let [images, _] = output.dims();
        let correct = output.without_autodiff().argmax(1).reshape([images]).equal(targets.without_autodiff());
        Self {
            images,
            loss: Mean::OnDevice(Box::new(loss.without_autodiff().mean())),
            accuracy: Mean::OnDevice(Box::new(correct.float().mean().mul_scalar(100.0))),
            raw: None,
        }
    }
}

impl ItemLazy for BatchOutput {
    fn sync(self) -> Result<Self, ExecutionError> {
        if let Mean::OnDevice(loss) = &self.loss {
            loss.device().flush()?;
        }
        Ok(self)
    }
}

impl Adaptor<Self> for BatchOutput {
    fn adapt(&self) -> Self {
        self.clone()
    }
}
