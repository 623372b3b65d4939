//! Everything about a run that its config does not say; the contents of `record.json`.

use std::collections::BTreeMap;
use std::slice;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

use crate::data::Scaling;
use crate::model::TransferRecord;

/// With what a run was made.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// This program's version.
    pub version: String,
    /// The git commit it was built from, with `-dirty` if files had changed since; none outside a git checkout.
    pub commit: Option<String>,
    /// The device's name, as `--device` takes it.
    pub device: String,
    /// What the device calls itself.
    pub adapter: String,
    /// The names of the devices that shared each update with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<String>,
    /// The seed of everything random.
    pub seed: u64,
    /// When the training began, in seconds of UNIX time.
    pub started: f64,
    /// What the network was trained on.
    pub data: DataRecord,
    /// How many numbers the training adjusts.
    pub parameters: usize,
    /// What the weights started as, if not by chance.
    pub transfer: Option<TransferRecord>,
    /// The SHA-256 of each model file, by name; of the old and the new one while a training replaces it.
    pub models: BTreeMap<String, Vec<String>>,
    /// How the training went; none until it is over.
    pub training: Option<TrainingRecord>,
    /// What broke it off for good, if something did.
    pub failure: Option<String>,
}

/// What the network was trained on; needed to use it again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DataRecord {
    /// Rows of an image.
    pub height: usize,
    /// Columns of an image.
    pub width: usize,
    /// How many classes there are.
    pub classes: usize,
    /// What each class is called, in order; empty in records of before there were names.
    #[serde(default)]
    pub names: Vec<String>,
    /// How many images were learned from, with their labels.
    pub training_images: usize,
    /// How many more there were whose labels were not kept.
    #[serde(default)]
    pub unlabelled_images: usize,
    /// How many were held out.
    pub validation_images: usize,
    /// How a pixel became a number.
    pub scaling: Scaling,
    /// Each file's SHA-256.
    pub sha256: BTreeMap<String, String>,
}

/// How a training went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingRecord {
    /// How many epochs it took.
    pub epochs: usize,
    /// The one whose model is in `best.safetensors`.
    pub best_epoch: usize,
    /// Why it stopped before its last epoch, if it did.
    pub stopped: Option<String>,
    /// Multiplications and additions of the matrix products, see [`Mlp::training_operations`](crate::model::Mlp::training_operations).
    pub floating_point_operations: u64,
    /// Wall-clock seconds of the training, validation and saving included.
    pub wall_seconds: f64,
    /// Seconds of all processor cores together in the same time.
    pub cpu_seconds: f64,
}

impl Record {
    /// The names of all the devices, as `--device` takes them.
    pub fn devices(&self) -> String {
        [slice::from_ref(&self.device), &self.beside].concat().join(",")
    }
}

impl DataRecord {
    /// Pixels of an image.
    pub fn inputs(&self) -> usize {
        self.height * self.width
    }

    /// What each class is called; its number, if no name was recorded.
    pub fn names(&self) -> Vec<String> {
        if self.names.is_empty() {
            (0..self.classes).map(|class| class.to_string()).collect()
        } else {
            self.names.clone()
        }
    }

    /// Why no data set can be like this: what an image can't be, or what a label's byte can't tell.
    pub fn implausible(&self) -> Option<&'static str> {
        let images =
            self.height.checked_mul(self.width).is_some_and(|pixels| (1..=u32::MAX as usize).contains(&pixels));
        let classes = (1..=256).contains(&self.classes);
        match (images, classes) {
            (false, _) => Some("data.height and data.width are not those of an image"),
            (_, false) => Some("data.classes is not from 1 to 256"),
            _ if !self.names.is_empty() && self.names.len() != self.classes => Some("data.names are not data.classes"),
            _ => None,
        }
    }
}

/// Seconds that a training took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Seconds {
    /// On the wall.
    pub wall: f64,
    /// Of this process, all processor cores together; 0 where the system does not tell.
    pub cpu: f64,
}

/// Measures the time of a training, over all the processes that it takes.
#[derive(Debug, Clone)]
pub struct Stopwatch {
    before: Seconds,
    wall: Instant,
    cpu: f64,
}

impl Stopwatch {
    /// A stopwatch that runs, and has run for `before` already.
    pub fn start(before: Seconds) -> Self {
        Self { before, wall: Instant::now(), cpu: processor_seconds() }
    }

    /// What it shows.
    pub fn read(&self) -> Seconds {
        Seconds {
            wall: self.before.wall + self.wall.elapsed().as_secs_f64(),
            cpu: self.before.cpu + processor_seconds() - self.cpu,
        }
    }
}

fn processor_seconds() -> f64 {
    let Ok(this) = sysinfo::get_current_pid() else { return 0.0 };
    let mut system = System::new();
    let what = ProcessRefreshKind::nothing().with_cpu();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[this]), true, what);
    system.process(this).map_or(0.0, |process| process.accumulated_cpu_time() as f64 / 1000.0)
}
