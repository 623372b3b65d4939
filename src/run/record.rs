//! The contents of `record.json`, everything about a run that its config does not say, and of `evaluation.json`.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::usage::Usage;
use crate::model::{Architecture, Description, PROGRAM, Pixels, TransferRecord};
use crate::{config::Model, data::Scaling, data::prepare::Look, evaluation::Evaluation};

/// The program, device and data of a run, and the results of its training.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// This program's version.
    pub version: String,
    /// The git commit of the build, with `-dirty` for uncommitted changes. `None` for a build outside a git checkout.
    pub commit: Option<String>,
    /// The device's name, as `--device` takes it.
    pub device: String,
    /// The name of the device's adapter.
    pub adapter: String,
    /// The names of the other devices, which share each update with the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<String>,
    /// The devices that trained earlier epochs, if they were others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier_devices: Vec<String>,
    /// The seed of all random numbers.
    pub seed: u64,
    /// The start of the training, in seconds of UNIX time.
    pub started: f64,
    /// The data that the network was trained on.
    pub data: DataRecord,
    /// The number of trained parameters.
    pub parameters: usize,
    /// The pretrained weights, if the network was not randomly initialised.
    pub transfer: Option<TransferRecord>,
    /// The SHA-256 of each model file, by name. Two of them while a training replaces the file: old and new.
    pub models: BTreeMap<String, Vec<String>>,
    /// The teacher of a distillation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher: Option<Member>,
    /// The members of an ensemble, which has no model of its own. Empty in the record of a training.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Member>,
    /// The results of the training, or of the trainings of all members. `None` until it is finished.
    pub training: Option<TrainingRecord>,
    /// The error of a training that diverged.
    pub failure: Option<String>,
    /// What a private training has cost so far, with the epoch under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy: Option<PrivacyRecord>,
}

/// A run whose best model is a part of an ensemble, or a run or an ensemble that is a teacher.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The run's folder.
    pub run: PathBuf,
    /// The SHA-256 of its best model's file, or of an ensemble's list of them.
    pub sha256: String,
}

/// What some steps of a private training cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PrivacyRecord {
    /// ε: the steps are (ε, δ)-differentially private with respect to adding or removing one training image.
    pub epsilon: f64,
    /// δ.
    pub delta: f64,
    /// The largest norm of the gradient of an image.
    pub clip: f64,
    /// The standard deviation of the noise, as a multiple of `clip`.
    pub noise_multiplier: f64,
    /// The probability with which a step takes an image.
    pub sampling_rate: f64,
    /// The number of steps.
    pub steps: usize,
}

/// The data that a network was trained on. They are needed to use it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DataRecord {
    /// The rows of an image.
    pub height: usize,
    /// The columns of an image.
    pub width: usize,
    /// The number of classes.
    pub classes: usize,
    /// The classes' names, in order. Empty in records of older versions.
    #[serde(default)]
    pub names: Vec<String>,
    /// The number of labelled training images.
    pub training_images: usize,
    /// The number of unlabelled training images.
    #[serde(default)]
    pub unlabelled_images: usize,
    /// The number of validation images.
    pub validation_images: usize,
    /// The scaling of the pixels.
    pub scaling: Scaling,
    /// What the training images look like. `None` in records of older versions: as MNIST's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look: Option<Look>,
    /// The SHA-256 of each data file, by name.
    pub sha256: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainingRecord {
    pub epochs: usize,
    /// The epoch whose model is in `best.safetensors`.
    pub best_epoch: usize,
    /// The reason for early stopping, if it stopped early.
    pub stopped: Option<String>,
    /// The multiplications and additions of the matrix products, see `Mlp::training_operations`.
    pub floating_point_operations: u64,
    #[serde(flatten)]
    pub usage: Usage,
}

/// An evaluation, and what it is an evaluation of. It counts only for that model and those images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvaluationRecord {
    /// The metrics.
    #[serde(flatten)]
    pub evaluation: Evaluation,
    /// The SHA-256 of the model file. Empty in files of older versions, which do not count.
    #[serde(default)]
    pub model: String,
    /// The SHA-256 of each file of the test images, by name.
    #[serde(default)]
    pub data: BTreeMap<String, String>,
    /// The number of test images that the network misclassifies with 8-bit integers, if an export measured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub int8_wrong: Option<usize>,
}

impl EvaluationRecord {
    /// Whether the test images are those of the run with this record.
    pub fn is_of_data(&self, record: &Record) -> bool {
        !self.data.is_empty() && self.data.iter().all(|(name, sum)| record.data.sha256.get(name) == Some(sum))
    }
}

impl Record {
    /// The record of what this build begins now.
    pub fn begun() -> Self {
        let (version, commit) = (env!("CARGO_PKG_VERSION").into(), option_env!("MNIST_BURN_COMMIT").map(Into::into));
        Self { version, commit, started: jiff::Timestamp::now().as_duration().as_secs_f64(), ..Self::default() }
    }

    /// The names of all devices, as `--device` takes them.
    pub fn devices(&self) -> String {
        [std::slice::from_ref(&self.device), &self.beside].concat().join(",")
    }

    /// What the files of this run's models say of themselves.
    pub fn description(&self, model: &Model) -> Description {
        let DataRecord { height, width, scaling, look, .. } = self.data;
        Description {
            program: PROGRAM.into(),
            version: self.version.clone(),
            commit: self.commit.clone(),
            architecture: Architecture { height, width, hidden: model.hidden.clone(), batch_norm: model.batch_norm },
            activation: model.activation,
            classes: self.data.names(),
            pixels: Pixels::new(scaling, look.unwrap_or(Look::MNIST)),
        }
    }
}

impl DataRecord {
    /// The pixels of an image.
    pub fn inputs(&self) -> usize {
        self.height * self.width
    }

    /// The classes' names. A class without a recorded name is called by its number.
    pub fn names(&self) -> Vec<String> {
        let numbers = (0..self.classes).map(|class| class.to_string());
        if self.names.is_empty() { numbers.collect() } else { self.names.clone() }
    }

    /// Why no data set can have these values, if so. A label is a byte.
    pub fn implausible(&self) -> Option<&'static str> {
        let pixels = self.height.checked_mul(self.width).filter(|pixels| (1..=u32::MAX as usize).contains(pixels));
        let are_named = self.names.is_empty() || self.names.len() == self.classes;
        match self.classes {
            _ if pixels.is_none() => Some("data.height and data.width are not the size of an image"),
            1..=256 => (!are_named).then_some("the number of data.names is not data.classes"),
            _ => Some("data.classes is not from 1 to 256"),
        }
    }
}

/// The status of a run, as lists show it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, strum::Display)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Status {
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
