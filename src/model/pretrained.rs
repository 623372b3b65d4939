//! Transfer learning: starts a network from another network's weights, layer by layer.
//!
//! Layers are matched by name. A layer that does not fit is an error, unless `init.reinitialize` names it, or it is the
//! output layer and the classes differ. The record says which layers were taken, which were not, and why.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::tensors::{self, Stored};
use super::weights::{self, MOST_NAMED, WeightsError};
use super::{description::Description, mlp::Mlp};
use crate::{checksum, config::Experiment, text::listed};

#[derive(Debug, Error)]
pub enum PretrainedError {
    #[error("init.from does not name a usable weights file")]
    Weights(#[from] WeightsError),
    #[error("init.from: {run} was trained with {key} = {there}, not {here}: use the same {key} here")]
    Differs { run: PathBuf, key: &'static str, there: String, here: String },
    #[error("init.rename: {path} has no tensor and no layer {name}; it has {}", shortened(names))]
    Name { path: PathBuf, name: String, names: Vec<String> },
    #[error("init.rename: {path} has several tensors for {name}; give each layer a different name")]
    Twice { path: PathBuf, name: String },
    #[error("{path} has several networks: {}; rename the layers of one with init.rename", shortened(prefixes))]
    Several { path: PathBuf, prefixes: Vec<String> },
    #[error(
        "{path} does not fit this network: {}; the other tensors in the file: {}; rename layers with init.rename, or name them in \
         init.reinitialize to initialise them randomly",
        shortened(misfits),
        shortened(others)
    )]
    Misfit { path: PathBuf, misfits: Vec<String>, others: Vec<String> },
    #[error("init.freeze: {layer} would stay randomly initialised: {reason}; remove it from init.freeze")]
    Frozen { layer: String, reason: String },
}

/// Which weights a training started with. It is a part of `record.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransferRecord {
    /// The file of the weights.
    pub file: String,
    /// Its SHA-256.
    pub sha256: String,
    /// The layers whose weights come from the file.
    pub taken: Vec<String>,
    /// The layers that are randomly initialised instead, each with the reason.
    pub fresh: BTreeMap<String, String>,
    /// The tensors of the file that were not used.
    pub unused: Vec<String>,
}

/// Weights of another network, and what is known of it.
#[derive(Debug)]
pub struct Pretrained {
    path: PathBuf,
    sha256: String,
    tensors: BTreeMap<String, Stored>,
    /// One of this program, or in a run, describes its network.
    pub description: Option<Description>,
}

impl Pretrained {
    /// The weights in `bytes`, the content of the file `path`, of a network with this description.
    pub fn new(path: &Path, bytes: &[u8], description: Option<Description>) -> Result<Self, WeightsError> {
        let (tensors, sha256) = (tensors::from_bytes(bytes, path)?, checksum::of_bytes(bytes));
        Ok(Self { path: path.into(), sha256, tensors, description })
    }

    /// The weights in the file `path`, from any program.
    pub fn from_file(path: &Path) -> Result<Self, WeightsError> {
        let bytes = weights::read(path)?;
        Self::new(path, &bytes, Description::read(&bytes, path)?)
    }

    /// The same weights without the prefix that checkpoints and wrappers add, such as `state_dict.` or `module.`: that of most
    /// layers of the experiment's network, or of `init.rename`. Refused if several networks in the file fit equally well.
    pub fn unwrapped(mut self, experiment: &Experiment) -> Result<Self, PretrainedError> {
        let mut wanted = experiment.model.layers();
        wanted.extend(experiment.init.rename.keys().cloned());
        let is_wanted = |name: &str| wanted.iter().any(|layer| part_of(layer, name).is_some());
        let mut found = BTreeMap::<String, usize>::new();
        for name in self.tensors.keys() {
            let starts = name.match_indices('.').map(|(dot, _)| dot + 1);
            for start in [0].into_iter().chain(starts).filter(|&start| is_wanted(&name[start..])) {
                *found.entry(name[..start].into()).or_default() += 1;
            }
        }
        let most = found.values().max().copied();
        let prefixes: Vec<String> = found.into_iter().filter(|it| Some(it.1) == most).map(|it| it.0).collect();
        // Names without a prefix come first.
        match &prefixes[..] {
            [prefix, _, ..] if !prefix.is_empty() => Err(PretrainedError::Several { path: self.path, prefixes }),
            [prefix, ..] => {
                let inside: Vec<_> = self.tensors.extract_if(.., |name, _| name.starts_with(prefix)).collect();
                self.tensors.extend(inside.into_iter().map(|(name, tensor)| (name[prefix.len()..].into(), tensor)));
                Ok(self)
            }
            [] => Ok(self),
        }
    }

    /// The same weights renamed by `init.rename`, tensors or layers. Refused if a name is missing, or two tensors get one name.
    pub fn renamed(mut self, names: &BTreeMap<String, String>) -> Result<Self, PretrainedError> {
        let renamed = |name: &String| {
            let matching = names.iter().filter_map(|(old, new)| Some((old, format!("{new}{}", part_of(old, name)?))));
            matching.max_by_key(|(old, _)| old.len())
        };
        let (mut moved, mut seen) = (BTreeMap::new(), vec![]);
        for (name, tensor) in std::mem::take(&mut self.tensors) {
            let Some((there, here)) = renamed(&name) else {
                self.tensors.insert(name, tensor);
                continue;
            };
            seen.push(there);
            if moved.insert(here.clone(), tensor).is_some() {
                return Err(PretrainedError::Twice { path: self.path, name: here });
            }
        }
        if let Some(name) = names.keys().find(|name| !seen.contains(name)) {
            let names = self.tensors.into_keys().chain(moved.into_keys()).collect();
            return Err(PretrainedError::Name { path: self.path, name: name.clone(), names });
        }
        // A name that the config gives overrides an equal one in the file.
        self.tensors.extend(moved);
        Ok(self)
    }

    /// The `network` with these weights, as `experiment` says, and the record. Refused if they do not fit or mean other things.
    pub fn into_network(
        self,
        network: Mlp,
        experiment: &Experiment,
        classes: &[String],
    ) -> Result<(Mlp, TransferRecord), PretrainedError> {
        self.check_meaning(experiment)?;
        let mut start = tensors::from_safetensors(&weights::to_bytes(&network)?, &self.path)?;
        let named = experiment.init.reinitialize.iter();
        let named = named.map(|layer| (layer.clone(), "init.reinitialize names it".into()));
        let mut fresh: BTreeMap<String, String> = named.collect();
        if let Some(reason) = self.other_classes(classes, &start) {
            fresh.entry("output".into()).or_insert(reason);
        }
        if let Some((layer, reason)) = fresh.iter().find(|(layer, _)| experiment.init.freeze.contains(layer)) {
            return Err(PretrainedError::Frozen { layer: layer.clone(), reason: reason.clone() });
        }

        let Self { path, sha256, tensors: mut there, .. } = self;
        let mut misfits = vec![];
        for (name, own) in &mut start {
            let layer = name.rsplit_once('.').map_or(name.as_str(), |(layer, _)| layer);
            if fresh.contains_key(layer) {
                continue;
            }
            misfits.push(match there.remove(name).map(Stored::into_f32) {
                None => format!("{name} {:?} is missing", own.shape),
                Some(it) if it.shape != own.shape => format!("{name} is {:?}, not {:?}", it.shape, own.shape),
                Some(it) if it.kind != own.kind => format!("{name} holds {}, not {}", it.kind, own.kind),
                Some(it) => {
                    *own = it;
                    continue;
                }
            });
        }
        if !misfits.is_empty() {
            let others = there.iter().map(|(name, tensor)| format!("{name} {:?}", tensor.shape)).collect();
            return Err(PretrainedError::Misfit { path, misfits, others });
        }
        let network = weights::from_bytes(network, &tensors::to_safetensors(&start, &path)?, &path)?;
        let taken = experiment.model.layers().into_iter().filter(|layer| !fresh.contains_key(layer)).collect();
        // PyTorch's count of batches has no use here.
        let left = there.keys().filter(|name| !name.ends_with(".num_batches_tracked"));
        let unused = left.map(|name| name.escape_debug().to_string()).collect();
        Ok((network, TransferRecord { file: path.display().to_string(), sha256, taken, fresh, unused }))
    }

    /// Refuses a network with another pixel scaling or activation, or that differs in batch normalisation.
    fn check_meaning(&self, Experiment { data, model, .. }: &Experiment) -> Result<(), PretrainedError> {
        let Some(there) = &self.description else { return Ok(()) };
        let keys = [
            ("data.pixels", [there.pixels.of_config(), data.pixels].map(|it| format!("{it:?}"))),
            ("model.activation", [there.activation, model.activation].map(|it| format!("{it:?}"))),
            ("model.batch_norm", [there.architecture.batch_norm, model.batch_norm].map(|it| it.to_string())),
        ];
        keys.into_iter().find(|(_, [there, here])| there != here).map_or(Ok(()), |(key, values)| {
            let [there, here] = values.map(|value| format!("{:?}", value.to_lowercase()));
            Err(PretrainedError::Differs { run: self.path.clone(), key, there, here })
        })
    }

    /// Why the output layer does not fit these classes, if it does not.
    fn other_classes(&self, here: &[String], start: &BTreeMap<String, Stored>) -> Option<String> {
        if let Some(Description { classes: there, .. }) = &self.description {
            return (there != here)
                .then(|| format!("the weights are for the classes {}, not {}", there.join(", "), here.join(", ")));
        }
        let rows = |tensors: &BTreeMap<_, Stored>| tensors.get("output.bias")?.shape.first().copied();
        let (there, here) = (rows(&self.tensors)?, rows(start)?);
        (there != here).then(|| format!("the weights are for {there} classes, not {here}"))
    }
}

/// What follows the name of a layer or tensor in the name of one of its tensors: nothing, or a dot and more.
fn part_of<'a>(layer: &str, name: &'a str) -> Option<&'a str> {
    name.strip_prefix(layer).filter(|part| part.is_empty() || part.starts_with('.'))
}

/// The names, escaped, separated by commas. The end of a long list is left out.
pub fn shortened(names: &[String]) -> String {
    let escaped: Vec<_> = names.iter().map(|name| name.escape_debug().to_string()).collect();
    if escaped.is_empty() { "none".into() } else { listed(&escaped, MOST_NAMED) }
}

#[cfg(test)]
mod tests;
