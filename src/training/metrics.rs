//! What a step hands to the metrics, and an epoch's loss and accuracy, equal to Burn's metrics of these names.
//!
//! Burn's metrics wait for the GPU or the worker after every batch, to read a number. These read several at once.

use std::sync::Arc;

use burn::tensor::{ExecutionError, Tensor, TensorReadError};
use burn::train::ClassificationOutput;
use burn::train::metric::state::{FormatOptions, NumericMetricState};
use burn::train::metric::{
    Adaptor, ItemLazy, Metric, MetricAttributes, MetricMetadata, MetricName, Numeric, NumericAttributes, NumericEntry,
    SerializedEntry,
};

/// The loss and the accuracy of a batch. Burn hands them to another thread, which would keep the tensors of a step alive.
#[derive(Debug, Clone)]
pub struct BatchOutput {
    pub images: usize,
    pub loss: Mean,
    pub accuracy: Mean,
    /// In validation: the output of the network itself, if the saved model is its moving average.
    pub raw: Option<Box<Self>>,
    /// The outputs of the steps before that are handed over with it.
    pub earlier: Vec<Self>,
}

/// A mean over the images of a batch.
#[derive(Debug, Clone)]
pub enum Mean {
    /// The number.
    Number(f64),
    /// The number on a device, `[1]`, not yet read.
    OnDevice(Box<Tensor<1>>),
}

impl Mean {
    /// The number. If it is on a device, this waits for it.
    pub fn number(&self) -> f64 {
        match self {
            Self::Number(number) => *number,
            Self::OnDevice(number) => number.clone().into_scalar(),
        }
    }
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
            earlier: vec![],
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

/// A mean over the images of an epoch: `Loss` or `Accuracy`, in percent; after `Raw `, that without the moving average.
#[derive(Clone)]
pub struct BufferedMetric {
    name: &'static str,
    interval: usize,
    /// The mean of each unread batch, and its number of images. The means may be on several devices.
    unread: Vec<(Mean, usize)>,
    /// The mean of the batches that were read last, or `None` if there are unread ones.
    read: Option<NumericEntry>,
    state: NumericMetricState,
}

impl BufferedMetric {
    pub fn new(name: &'static str, interval: usize) -> Self {
        Self { name, interval, unread: vec![], read: None, state: NumericMetricState::new() }
    }

    fn is_percent(&self) -> bool {
        self.name.ends_with("Accuracy")
    }

    /// Reads the unread batches, which waits for the device.
    fn read(&mut self) -> Result<(), TensorReadError> {
        let (mut read, mut unread) = (vec![], vec![]);
        for (mean, images) in self.unread.drain(..) {
            match mean {
                Mean::Number(mean) => read.push((mean, images)),
                Mean::OnDevice(mean) => unread.push((*mean, images)),
            }
        }
        while let Some(device) = unread.first().map(|(mean, _)| mean.device()) {
            let (here, elsewhere): (Vec<_>, _) = unread.into_iter().partition(|(mean, _)| mean.device() == device);
            let (means, images): (Vec<_>, Vec<_>) = here.into_iter().unzip();
            read.extend(Tensor::cat(means, 0).try_into_data()?.iter::<f64>().zip(images));
            unread = elsewhere;
        }
        let mut these = NumericMetricState::new();
        for (mean, images) in read {
            these.update(mean, images);
            self.state.update(mean, images);
            self.read = Some(these.running_value());
        }
        Ok(())
    }

    fn format(&self) -> FormatOptions {
        let format = FormatOptions::new(self.name()).precision(2);
        if self.is_percent() { format.unit("%") } else { format }
    }
}

impl Metric for BufferedMetric {
    type Input = BatchOutput;

    fn name(&self) -> MetricName {
        Arc::new(self.name.into())
    }

    fn attributes(&self) -> MetricAttributes {
        NumericAttributes { unit: self.is_percent().then(|| "%".into()), higher_is_better: self.is_percent() }.into()
    }

    fn update(&mut self, batch: &BatchOutput, _: &MetricMetadata) -> Result<SerializedEntry, TensorReadError> {
        for batch in batch.earlier.iter().chain([batch]) {
            let output = batch.raw.as_deref().filter(|_| self.name.starts_with("Raw")).unwrap_or(batch);
            let mean = if self.is_percent() { &output.accuracy } else { &output.loss };
            self.unread.push((mean.clone(), batch.images));
        }
        self.read = None;
        if self.unread.len() >= self.interval {
            self.read()?;
        }
        Ok(self.state.compute_update(self.format()))
    }

    fn compute(&mut self) -> Result<SerializedEntry, TensorReadError> {
        self.read()?;
        Ok(self.state.compute_final(self.format()))
    }

    fn clear(&mut self) {
        *self = Self::new(self.name, self.interval);
    }
}

impl Numeric for BufferedMetric {
    fn value(&self) -> Option<NumericEntry> {
        self.read.clone()
    }

    fn running_value(&self) -> Option<NumericEntry> {
        self.read.as_ref().map(|_| self.state.running_value())
    }

    fn final_value(&self) -> NumericEntry {
        self.state.final_value()
    }
}

#[cfg(test)]
mod tests {
    use burn::data::dataloader::Progress;
    use burn::tensor::Device;
    use burn::train::metric::{AccuracyMetric, LossMetric};

    use super::*;

    /// Five batches, the last one smaller.
    fn batches() -> Vec<ClassificationOutput> {
        let device = Device::flex();
        let batch = |number: usize| {
            let images = if number == 4 { 3 } else { 7 };
            let values = |count: usize| (0..count).map(|i| ((i * 31 + number * 17) % 23) as f32).collect::<Vec<_>>();
            let logits = Tensor::<1>::from_floats(values(images * 4).as_slice(), &device).reshape([images, 4]);
            let targets: Vec<i32> = (0..images).map(|i| ((i * 5 + number) % 4) as i32).collect();
            let losses = Tensor::from_floats(values(images).as_slice(), &device);
            ClassificationOutput::new(losses, logits, Tensor::from_ints(targets.as_slice(), &device))
        };
        (0..5).map(batch).collect()
    }

    fn metadata() -> MetricMetadata {
        MetricMetadata { progress: Progress::new(1, 1, None), iteration: None, lr: None }
    }

    fn number(entry: NumericEntry) -> f64 {
        match entry {
            NumericEntry::Value(value) | NumericEntry::Final(value) => value,
            NumericEntry::Aggregated { aggregated_value, .. } => aggregated_value,
        }
    }

    /// The value after each batch, and the final one.
    fn values_of<M: Metric + Numeric>(
        mut metric: M,
        input: impl Fn(ClassificationOutput) -> M::Input,
    ) -> (Vec<Option<f64>>, f64) {
        let mut after = |batch: ClassificationOutput| {
            metric.update(&input(batch), &metadata()).unwrap();
            metric.value().map(number)
        };
        let all = batches().into_iter().map(&mut after).collect();
        metric.compute().unwrap();
        (all, number(metric.final_value()))
    }

    #[test]
    fn metrics_read_after_every_batch_equal_burns() {
        let burns = values_of(LossMetric::new(), |batch| batch.adapt());
        assert_eq!(values_of(BufferedMetric::new("Loss", 1), BatchOutput::from), burns);
        let (ours, our_end) = values_of(BufferedMetric::new("Accuracy", 1), BatchOutput::from);
        let (burns, burns_end) = values_of(AccuracyMetric::new(), |batch| batch.adapt());
        let close = |one: f64, other: f64| (one - other).abs() < 1e-4;
        assert!(ours.into_iter().zip(burns).all(|(one, other)| close(one.unwrap(), other.unwrap())));
        assert!(close(our_end, burns_end), "{our_end} {burns_end}");
    }

    #[test]
    #[cfg(feature = "ndarray")]
    fn metric_reads_batches_of_several_devices_at_once() {
        let ndarray = crate::device::open("ndarray").unwrap().device;
        let mut metric = BufferedMetric::new("Loss", 5);
        for (number, batch) in batches().into_iter().enumerate() {
            let mut output = BatchOutput::from(batch);
            output.loss = match output.loss {
                Mean::OnDevice(loss) if number % 3 == 1 => Mean::OnDevice(Box::new(loss.to_device(&ndarray))),
                Mean::OnDevice(loss) if number % 3 == 2 => Mean::Number(loss.into_scalar::<f32>().into()),
                loss => loss,
            };
            metric.update(&output, &metadata()).unwrap();
        }
        metric.compute().unwrap();
        let (found, expected) = (number(metric.final_value()), values_of(LossMetric::new(), |batch| batch.adapt()).1);
        assert!((found - expected).abs() < 1e-9, "{found} {expected}");
    }

    #[test]
    fn metrics_read_for_several_batches_at_once_have_the_same_mean() {
        for (metric, single) in [
            (BufferedMetric::new("Loss", 2), BufferedMetric::new("Loss", 1)),
            (BufferedMetric::new("Accuracy", 2), BufferedMetric::new("Accuracy", 1)),
        ] {
            let ((after, end), (each, single_end)) =
                (values_of(metric, BatchOutput::from), values_of(single, BatchOutput::from));
            let mean = |a: usize| Some((each[a].unwrap() + each[a + 1].unwrap()) / 2.0);
            assert_eq!(after, [None, mean(0), None, mean(2), None]);
            assert!((end - single_end).abs() < 1e-9, "{end} {single_end}");
        }
    }
}
