//! What a network starts from when that is not chance: the weights of another one, layer by layer.
//!
//! Layers go by their names. One that does not fit is refused, unless the config lets it start by chance (`init.fresh`) or
//! it is the output layer and the classes are others. What is taken, what is not and why is said, and kept in the record.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::TensorView;
use thiserror::Error;

use crate::checksum;
use crate::config::{Experiment, Init, Table};
use crate::data::Scaling;
use crate::model::Mlp;
use crate::notice::notice;
use crate::record::{Record, TransferRecord};
use crate::run::{RunError, RunFolder};
use crate::tensors::{self, Stored};
use crate::weights::{self, WeightsError};

/// Most misfits that a message names.
const MOST_NAMED: usize = 10;

/// Why a network can't start from another one's weights.
#[derive(Debug, Error)]
pub enum TransferError {
    /// The run can't be used.
    #[error("init.from names no run to start from")]
    Run(#[source] RunError),
    /// The file can't be used.
    #[error("init.from names no weights to start from")]
    Weights(#[from] WeightsError),
    /// The network of the run computes otherwise, so that its weights mean something else.
    #[error("init.from: {run} was trained with {key} = {there}, not {here}: its weights need the same here")]
    Differs {
        /// The run.
        run: PathBuf,
        /// The key.
        key: &'static str,
        /// The run's value.
        there: String,
        /// This experiment's.
        here: String,
    },
    /// A name in `init.names` is not in the file.
    #[error("init.names: {path} has no tensor and no layer {name}; it has {}", shortened(names))]
    Name {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
        /// Those there are.
        names: Vec<String>,
    },
    /// Two names in `init.names` stand for one here.
    #[error("init.names: {path} has several tensors for {name}; give each layer one name")]
    Twice {
        /// The file.
        path: PathBuf,
        /// The tensor, as it is called here.
        name: String,
    },
    /// Layers are missing or of another shape.
    #[error(
        "{path} does not fit this network: {}; init.names tells of other names, and a layer in init.fresh starts by chance",
        shortened(misfits)
    )]
    Misfit {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        misfits: Vec<String>,
    },
    /// A layer is to stay as it comes, but does not come.
    #[error("init.freeze: {layer} would stay as chance has it: {reason}; leave it out")]
    Frozen {
        /// The layer.
        layer: String,
        /// Why it starts by chance.
        reason: String,
    },
}

/// Where the weights come from.
#[derive(Debug)]
pub struct Origin {
    path: PathBuf,
    sha256: String,
    tensors: BTreeMap<String, Stored>,
    run: Option<(Experiment, Record)>,
}

impl Origin {
    /// What `init.from` names, its tensors by their names here; none if it is not set.
    ///
    /// # Errors
    /// If there is no such run or file, or it can't be read.
    pub fn of(init: &Init) -> Result<Option<Self>, TransferError> {
        let Some(from) = &init.from else { return Ok(None) };
        let mut origin =
            if from.is_dir() { Self::of_run(from).map_err(TransferError::Run)? } else { Self::of_file(from)? };
        origin.rename(&init.names)?;
        Ok(Some(origin))
    }

    fn of_run(folder: &Path) -> Result<Self, RunError> {
        let run = RunFolder::open(folder);
        let (record, experiment) = (run.record()?, run.experiment()?);
        let (path, bytes) = (folder.join(RunFolder::BEST), run.weights(RunFolder::BEST, &record)?);
        let tensors = tensors::from_safetensors(&bytes, &path)?;
        Ok(Self { path, sha256: checksum::of_bytes(&bytes), tensors, run: Some((experiment, record)) })
    }

    fn of_file(path: &Path) -> Result<Self, WeightsError> {
        let bytes = weights::read(path)?;
        let tensors = tensors::from_bytes(&bytes, path)?;
        Ok(Self { path: path.into(), sha256: checksum::of_bytes(&bytes), tensors, run: None })
    }

    /// Gives the tensors the names that they have here: one by its own, or all of a layer by the layer's.
    fn rename(&mut self, names: &Table<String>) -> Result<(), TransferError> {
        let renamed = |name: &String| {
            let matching = names.0.iter().filter_map(|(there, here)| {
                let part = name.strip_prefix(there.as_str())?;
                (part.is_empty() || part.starts_with('.')).then(|| (there, format!("{here}{part}")))
            });
            // That of the tensor itself goes before that of its layer.
            matching.max_by_key(|(there, _)| there.len())
        };
        let (mut kept, mut moved, mut seen) = (BTreeMap::new(), BTreeMap::new(), vec![]);
        for (name, tensor) in std::mem::take(&mut self.tensors) {
            match renamed(&name) {
                Some((there, here)) => {
                    seen.push(there);
                    if moved.insert(here.clone(), tensor).is_some() {
                        return Err(TransferError::Twice { path: self.path.clone(), name: here });
                    }
                }
                None => _ = kept.insert(name, tensor),
            }
        }
        if let Some(name) = names.0.keys().find(|name| !seen.contains(name)) {
            let names = kept.into_keys().chain(moved.into_keys()).collect();
            return Err(TransferError::Name { path: self.path.clone(), name: name.clone(), names });
        }
        // A name that is given goes before one that just happens to be there.
        self.tensors = kept;
        self.tensors.extend(moved);
        Ok(())
    }

    /// How the run that the weights are of scaled its pixels; for a file, nothing is known.
    pub fn scaling(&self) -> Option<Scaling> {
        self.run.as_ref().map(|(_, record)| record.data.scaling)
    }

    /// `network`, which starts by chance as `experiment` says, with these weights in place of its own, and what was done;
    /// `classes` are the names of its classes.
    ///
    /// # Errors
    /// If they do not fit, or mean something else than here.
    pub fn into_network(
        self,
        network: Mlp,
        experiment: &Experiment,
        classes: &[String],
    ) -> Result<(Mlp, TransferRecord), TransferError> {
        self.check_meaning(experiment)?;
        let bytes = weights::to_bytes(&network)?;
        let mut start = tensors::from_safetensors(&bytes, &self.path)?;
        let mut fresh: BTreeMap<String, String> =
            experiment.init.fresh.iter().map(|layer| (layer.clone(), "init.fresh names it".into())).collect();
        if let Some(reason) = self.other_classes(classes, &start) {
            fresh.entry("output".into()).or_insert(reason);
        }
        if let Some((layer, reason)) = fresh.iter().find(|(layer, _)| experiment.init.freeze.contains(layer)) {
            return Err(TransferError::Frozen { layer: layer.clone(), reason: reason.clone() });
        }

        let Self { path, sha256, tensors: mut there, .. } = self;
        let mut misfits = vec![];
        for (name, own) in &mut start {
            if fresh.contains_key(layer_of(name)) {
                continue;
            }
            match there.remove(name) {
                None => misfits.push(format!("{name} is missing")),
                Some(tensor) if tensor.shape != own.shape => {
                    misfits.push(format!("{name} is {:?}, not {:?}", tensor.shape, own.shape));
                }
                Some(tensor) if tensor.kind != own.kind => {
                    misfits.push(format!("{name} holds {}, not {}", tensor.kind, own.kind));
                }
                Some(tensor) => *own = tensor,
            }
        }
        if !misfits.is_empty() {
            return Err(TransferError::Misfit { path, misfits });
        }
        let network = weights::from_bytes(network, &serialized(&start, &path)?, &path)?;
        let taken = experiment.model.layers().into_iter().filter(|layer| !fresh.contains_key(layer)).collect();
        let record = TransferRecord { file: path.display().to_string(), sha256, taken, fresh, unused: unused(&there) };
        tell(&record);
        Ok((network, record))
    }

    /// Refuses a run whose first layer saw other numbers, or whose layers bend or normalise them otherwise.
    fn check_meaning(&self, experiment: &Experiment) -> Result<(), TransferError> {
        let Some((there, _)) = &self.run else { return Ok(()) };
        let values = |experiment: &Experiment| {
            let Experiment { data, model, .. } = experiment;
            [
                ("data.pixels", format!("{:?}", data.pixels)),
                ("model.activation", format!("{:?}", model.activation)),
                ("model.batch_norm", model.batch_norm.to_string()),
            ]
        };
        for ((key, there), (_, here)) in values(there).into_iter().zip(values(experiment)) {
            if there != here {
                let (there, here) = (format!("{:?}", there.to_lowercase()), format!("{:?}", here.to_lowercase()));
                return Err(TransferError::Differs { run: self.path.clone(), key, there, here });
            }
        }
        Ok(())
    }

    /// Why the output layer is about other classes than these, if it is.
    fn other_classes(&self, here: &[String], start: &BTreeMap<String, Stored>) -> Option<String> {
        if let Some((_, record)) = &self.run {
            let there = record.data.names();
            return (there != here)
                .then(|| format!("the classes there are {}, here {}", there.join(", "), here.join(", ")));
        }
        let rows = |tensors: &BTreeMap<String, Stored>| {
            tensors.get("output.bias").and_then(|bias| bias.shape.first().copied())
        };
        let (there, here) = (rows(&self.tensors)?, rows(start)?);
        (there != here).then(|| format!("there are {there} classes there, {here} here"))
    }
}

/// `hidden.0` of `hidden.0.weight`.
fn layer_of(tensor: &str) -> &str {
    tensor.rsplit_once('.').map_or(tensor, |(layer, _)| layer)
}

fn serialized(tensors: &BTreeMap<String, Stored>, path: &Path) -> Result<Vec<u8>, WeightsError> {
    let unusable =
        |error: safetensors::SafeTensorError| WeightsError::Load { path: path.into(), reason: error.to_string() };
    let views: Result<Vec<_>, _> = tensors
        .iter()
        .map(|(name, tensor)| Ok((name, TensorView::new(Dtype::F32, tensor.shape.clone(), &tensor.bytes)?)))
        .collect();
    safetensors::serialize(views.map_err(unusable)?, None).map_err(unusable)
}

/// The tensors that were not taken, by name, but for PyTorch's count of batches, which means nothing here.
fn unused(left: &BTreeMap<String, Stored>) -> Vec<String> {
    left.keys()
        .filter(|name| !name.ends_with(".num_batches_tracked"))
        .map(|name| name.escape_debug().to_string())
        .collect()
}

fn tell(TransferRecord { file, taken, fresh, unused, .. }: &TransferRecord) {
    notice(format!("from {file}: {}", taken.join(", ")));
    for (layer, reason) in fresh {
        notice(format!("by chance: {layer}, as {reason}"));
    }
    if !unused.is_empty() {
        notice(format!("not used: {}", shortened(unused)));
    }
}

/// A list with commas, of which the end is left out where it is long.
fn shortened(names: &[String]) -> String {
    let named =
        names.iter().take(MOST_NAMED).map(|name| name.escape_debug().to_string()).collect::<Vec<_>>().join(", ");
    match names.len() {
        0 => "none".into(),
        all if all > MOST_NAMED => format!("{named} and {} more", all - MOST_NAMED),
        _ => named,
    }
}

#[cfg(test)]
mod tests;
