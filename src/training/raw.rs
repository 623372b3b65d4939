//! The figures of the network as it is, beside those of the average of its weights.

use std::sync::Arc;

use burn::tensor::{ExecutionError, TensorReadError};
use burn::train::ClassificationOutput;
use burn::train::metric::{
    Adaptor, ItemLazy, Metric, MetricAttributes, MetricMetadata, MetricName, Numeric, NumericEntry, SerializedEntry,
};

/// What a batch of validation images comes to.
pub struct Validated {
    /// With the model that is kept.
    pub kept: ClassificationOutput,
    /// With the network as it is, if that is another one.
    pub raw: Option<ClassificationOutput>,
}

impl ItemLazy for Validated {
    fn sync(self) -> Result<Self, ExecutionError> {
        Ok(Self { kept: self.kept.sync()?, raw: self.raw.map(ItemLazy::sync).transpose()? })
    }
}

impl<I> Adaptor<Raw<I>> for Validated
where
    ClassificationOutput: Adaptor<I>,
{
    fn adapt(&self) -> Raw<I> {
        Raw(self.raw.as_ref().unwrap_or(&self.kept).adapt())
    }
}

/// A metric of the network as it is, or what such a metric measures. It is called `Raw` and the metric's own name.
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

    fn update(&mut self, input: &Self::Input, about: &MetricMetadata) -> Result<SerializedEntry, TensorReadError> {
        self.0.update(&input.0, about)
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
