//! The models of a run: read, verified and loaded.

use std::io::ErrorKind;

use super::RunFolder;
use crate::data::{ImageBatcher, prepare::Look};
use crate::evaluation::{Classifier, Network};
use crate::model::{Description, Mlp, Pretrained, WeightsError, to_single, weights};
use crate::run::{error::RunError, record::Record};
use crate::{bounded, checksum, config::Experiment, device::Opened};

impl RunFolder {
    /// The SHA-256 of the best model's file, or of an ensemble's list of them.
    pub fn best_checksum(&self, record: &Record) -> Option<String> {
        if !record.members.is_empty() {
            let sums: String = record.members.iter().map(|member| member.sha256.as_str()).collect();
            return Some(checksum::of_bytes(sums.as_bytes()));
        }
        match record.models.get(Self::BEST)?.as_slice() {
            [sum] => Some(sum.clone()),
            // A crash, or a training under way: the file is the old or the new one.
            _ => checksum::of_file(&self.path.join(Self::BEST)).ok(),
        }
    }

    /// The model file `name`, and its SHA-256. Refused if it is missing, can't be read, or its checksum is not in the record.
    pub fn weights(&self, name: &str, record: &Record) -> Result<(Vec<u8>, String), RunError> {
        let path = self.path.join(name);
        if !record.members.is_empty() {
            return Err(RunError::Ensemble { run: self.path.clone() });
        }
        let bytes = match &self.memory {
            Some(best) => best.lock().clone(),
            None => match bounded::read_regular(&path, u64::MAX) {
                Err(error) if error.kind() == ErrorKind::NotFound && record.models.is_empty() => {
                    return Err(RunError::NoModel { run: self.path.clone() });
                }
                read => read.map_err(|error| WeightsError::load(&path, error))?,
            },
        };
        let found = checksum::of_bytes(&bytes);
        let recorded = record.models.get(name).map(Vec::as_slice).unwrap_or_default();
        if recorded.contains(&found) {
            return Ok((bytes, found));
        }
        let recorded = if recorded.is_empty() { "none".into() } else { recorded.join(" or ") };
        Err(RunError::Changed { path, found, recorded })
    }

    /// The best model, loaded onto `device`, and the SHA-256 of its file. Refused as [`RunFolder::weights`] is.
    pub fn model(&self, experiment: &Experiment, record: &Record, device: &Opened) -> Result<(Mlp, String), RunError> {
        let (path, inputs, classes) = (self.path.join(Self::BEST), record.data.inputs(), record.data.classes);
        let (bytes, checksum) = self.weights(Self::BEST, record)?;
        let bytes = to_single(bytes, &path)?;
        // Check before creating the network: a changed config can describe one that does not fit into memory.
        weights::check(&Mlp::tensors(&experiment.model, inputs, classes), &bytes, &path)?;
        let activation = Description::read(&bytes, &path)?.map(|it| it.activation);
        if let Some(own) = activation.filter(|own| *own != experiment.model.activation) {
            let mismatches = format!("its activation is {own:?}, not {:?}", experiment.model.activation);
            return Err(WeightsError::Mismatch { path, mismatches }.into());
        }
        let shape = Mlp::new(&experiment.model, &experiment.init, inputs, classes, None, &device.device);
        Ok((weights::from_bytes(shape, &bytes, &path)?, checksum))
    }

    /// The runs of a classifier's networks: the members of an ensemble, or this run alone.
    pub fn networks(&self, record: &Record) -> Vec<Self> {
        let members: Vec<_> = record.members.iter().map(|member| Self::at(&member.run)).collect();
        if members.is_empty() { vec![self.clone()] } else { members }
    }

    /// A classifier with the best model, or with those of an ensemble's members, on `device`.
    pub fn classifier(&self, record: &Record, device: &Opened) -> Result<Classifier, RunError> {
        let (mut networks, mut sha256) = (vec![], self.best_checksum(record).unwrap_or_default());
        for (number, run) in self.networks(record).into_iter().enumerate() {
            let own = if record.members.is_empty() { record } else { &run.record()? };
            let (model, found) = run.model(&run.experiment()?, own, device)?;
            match record.members.get(number) {
                None => sha256 = found,
                Some(member) if member.sha256 == found => {}
                Some(_) => return Err(RunError::OtherMember { run: run.path, ensemble: self.path.clone() }),
            }
            networks.push(Network { model, batcher: ImageBatcher::new(own.data.scaling) });
        }
        let data = &record.data;
        let (size, look) = ([data.height, data.width], data.look.unwrap_or(Look::MNIST));
        Ok(Classifier { networks, sha256, device: device.device.clone(), size, look, names: data.names() })
    }

    /// The best model's weights, as pretrained weights for another network.
    pub fn pretrained(&self) -> Result<Pretrained, RunError> {
        let (record, experiment) = (self.record()?, self.experiment()?);
        let (bytes, _) = self.weights(Self::BEST, &record)?;
        Ok(Pretrained::new(&self.path.join(Self::BEST), &bytes, Some(record.description(&experiment.model)))?)
    }
}
