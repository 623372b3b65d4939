//! What a model's file says of the model, for whoever reads it: its architecture, classes and pixels.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::weights::{self, WeightsError};
use super::{mlp::Mlp, tensors::to_single};
use crate::config::{self, Activation, ConfigError, Experiment};
use crate::{data::Scaling, data::prepare::Look, text::chain};

pub const PROGRAM: &str = env!("CARGO_PKG_NAME");

/// A model as its file describes it. Each field is an entry of the file's metadata: a text, or JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Description {
    pub program: String,
    pub version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    pub architecture: Architecture,
    pub activation: Activation,
    pub classes: Vec<String>,
    pub pixels: Pixels,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Architecture {
    pub height: usize,
    pub width: usize,
    pub hidden: Vec<usize>,
    pub batch_norm: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pixels {
    pub scaling: Scaling,
    /// The least and the greatest grey level before scaling.
    range: [u8; 2],
    /// Which is lighter, as [`Look::polarity`] says.
    pub polarity: String,
    /// The images that a picture is prepared to be like.
    pub preparation: Look,
}

impl Pixels {
    pub fn new(scaling: Scaling, preparation: Look) -> Self {
        Self { scaling, range: [0, 255], polarity: preparation.polarity().into(), preparation }
    }

    /// The scaling as a config has it.
    pub fn of_config(&self) -> config::Pixels {
        if self.scaling == Scaling::UNIT { config::Pixels::Unit } else { config::Pixels::Standardized }
    }
}

impl Architecture {
    pub fn inputs(&self) -> usize {
        self.height.saturating_mul(self.width)
    }
}

impl Description {
    /// `None` if the file `path` with these `bytes` is not this program's. Refused if it is damaged, or not of its tensors.
    pub fn read(bytes: &[u8], path: &Path) -> Result<Option<Self>, WeightsError> {
        let Ok((_, header)) = SafeTensors::read_metadata(bytes) else { return Ok(None) };
        let is_ours = |entries: &&_| HashMap::get(entries, "program").is_some_and(|program| program == PROGRAM);
        let Some(entries) = header.metadata().as_ref().filter(is_ours) else { return Ok(None) };
        let json = |text: &str| if text.starts_with(['{', '[']) { serde_json::from_str(text) } else { Ok(text.into()) };
        let fields = entries.iter().map(|(name, text)| Ok((name.clone(), json(text)?))).collect::<Result<_, _>>();
        let damaged = |reason| WeightsError::load(path, format!("its metadata are damaged: {reason}"));
        let description = fields.and_then(|fields| serde_json::from_value::<Self>(Value::Object(fields)));
        let description = description.map_err(|error| damaged(error.to_string()))?;
        let Experiment { model, .. } = description.experiment().map_err(|error| damaged(chain(&error)))?;
        let Pixels { scaling, preparation, .. } = description.pixels;
        if description.pixels != Pixels::new(scaling, preparation) {
            return Err(damaged("range and polarity are not those of the preparation".into()));
        }
        let shapes = Mlp::tensors(&model, description.architecture.inputs(), description.classes.len());
        match weights::check(&shapes, &to_single(bytes.to_vec(), path)?, path) {
            Err(WeightsError::Mismatch { mismatches, .. }) => Err(damaged(mismatches)),
            checked => checked.map(|()| Some(description)),
        }
    }

    /// The experiment that has this network, and the defaults of everything that its file does not tell.
    pub fn experiment(&self) -> Result<Experiment, ConfigError> {
        let Architecture { hidden, batch_norm, .. } = &self.architecture;
        let labels = self.labels();
        let are_labels = |label: &i64| (0..256).contains(label) && self.classes.contains(&label.to_string());
        let are_chosen = labels.len() > 1 && labels.iter().all(are_labels) && labels.iter().copied().ne(0..10);
        let settings = [
            ("model.hidden", json!(hidden)),
            ("model.batch_norm", json!(batch_norm)),
            ("model.activation", json!(self.activation)),
            ("data.pixels", json!(self.pixels.of_config())),
            ("data.classes", json!(if are_chosen { &labels[..] } else { &[] })),
        ];
        config::load(None, &settings.map(|(key, value)| format!("{key}={value}")))
    }

    pub fn entries(&self) -> BTreeMap<String, String> {
        let fields = serde_json::to_value(self).ok().and_then(|value| value.as_object().cloned()).unwrap_or_default();
        let text = |value| if let Value::String(text) = value { text } else { value.to_string() };
        fields.into_iter().map(|(name, value)| (name, text(value))).collect()
    }

    /// The labels of the classes: the numbers that they are called by, or else their numbers from 0.
    pub fn labels(&self) -> Vec<i64> {
        let label = |name: &String| name.parse().ok().filter(|label: &i64| label.to_string() == *name);
        let labels: Option<Vec<i64>> = self.classes.iter().map(label).collect();
        labels.unwrap_or_else(|| (0..self.classes.len() as i64).collect())
    }
}
