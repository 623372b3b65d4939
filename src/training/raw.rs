//! The metrics of the network itself, beside those of the moving average of its weights.

use std::sync::Arc;

use burn::tensor::{ExecutionError, TensorReadError};
use burn::train::metric::{
    Adaptor, ItemLazy, Metric, MetricAttributes, MetricMetadata, MetricName, Numeric, NumericEntry, SerializedEntry,
};

use super::output::BatchOutput;

/// The output of a batch of validation images.
pub struct ValidationOutput {
    /// The output of the model that is saved.
    pub eval: BatchOutput,
    /// The output of the network itself, if the saved model is its moving average.
    pub raw: Option<BatchOutput>,
}

impl ItemLazy for ValidationOutput {
    fn sync(self) -> Result<Self, ExecutionError> {
        Ok(Self { eval: self.eval.sync()?, raw: self.raw.map(ItemLazy::sync).transpose()? })
    }
}

impl Adaptor<BatchOutput> for ValidationOutput {
    fn adapt(&self) -> BatchOutput {
        self.eval.clone()
    }
}

impl Adaptor<Raw<BatchOutput>> for ValidationOutput {
    fn adapt(&self) -> Raw<BatchOutput> {
        Raw(self.raw.as_ref().unwrap_or(&self.eval).clone())
    }
}

/// A metric of the network itself, or the input of such a metric. Its name is `Raw` and the metric's own name.
#[derive(Clone)]
pub struct Raw<M>(pub M);

impl<M: Metric> Metric for Raw<M> {
    type Input = Raw<M::Input>;

    fn name(&self) -> MetricName {
        Arc::new(format!("Raw {}", self.0.name()))
    }

    fn attributes(&self) -> MetricAttributes {
        self.0.attributes()
    }

    fn update(&mut self, input: &Self::Input, metadata: &MetricMetadata) -> Result<SerializedEntry, TensorReadError> {
        self.0.update(&input.0, metadata)
    }

    fn compute(&mut self) -> Result<SerializedEntry, TensorReadError> {
        self.0.compute()
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}

impl<M: Numeric> Numeric for Raw<M> {
    fn value(&self) -> Option<NumericEntry> {
        self.0.value()
    }

    fn running_value(&self) -> Option<NumericEntry> {
        self.0.running_value()
    }

    fn final_value(&self) -> NumericEntry {
        self.0.final_value()
    }
}
