//! `mnist-burn export`: writes a run's model to a file for other programs.

use std::collections::BTreeMap;
use std::path::Path;

use super::opening::{locate, open_recorded, open_run};
use super::output::{OutputKind, Replaces};
use crate::Error;
use crate::cli::{Export, OnnxInput, notice, warn};
use crate::config::Experiment;
use crate::export::{Network, onnx};
use crate::model::to_half;
use crate::model::weights::with_metadata;
use crate::run::{Record, RunError, RunFolder};

/// Writes the file and prints its path.
pub fn run(arguments: &Export) -> Result<(), Error> {
    let Export { file, half, input, .. } = arguments;
    let is_onnx = file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("onnx"));
    let (kind, endings) = if is_onnx { ("ONNX file", &["onnx"]) } else { ("safetensors file", &["safetensors"]) };
    let replaces = if arguments.force { Replaces::Anything } else { Replaces::Nothing };
    let output = OutputKind { name: kind, endings, replaces };
    let of_onnx = [input.map(|_| "--input"), arguments.quantize.map(|_| "--quantize")];
    let foreign = if is_onnx { half.then_some("--half") } else { of_onnx.into_iter().flatten().next() };
    if let Some(option) = foreign {
        return Err(Error::Inapplicable { option, path: file.clone() });
    }
    output.check(file)?;

    let (run, _unpacked) = open_run(&arguments.run)?;
    let (record, experiment) = (run.record()?, run.experiment()?);
    let name = if arguments.last { RunFolder::LAST } else { RunFolder::BEST };
    let weights = run.weights(name, &record)?;
    let description = record.description(&experiment.model);
    if !is_onnx {
        let weights = if *half { to_half(&weights, file).map_err(RunError::from)? } else { weights };
        return output.save(file, &with_metadata(&weights, description.entries(), file).map_err(RunError::from)?);
    }
    let path = run.path().join(name);
    let mut network = Network::new(weights, &path, &experiment.model, description).map_err(RunError::from)?;
    if arguments.quantize.is_some() {
        quantize(&mut network, &experiment, &record)?;
    }
    let mut entries = network.description.entries();
    entries.extend(origin(&arguments.run, &run, &record, name)?);
    output.save(file, &onnx(&network, *input != Some(OnnxInput::Float), entries))
}

/// Where the model `name` of the run at `path` comes from, and its test error if that is known.
fn origin(path: &Path, run: &RunFolder, record: &Record, name: &str) -> Result<BTreeMap<String, String>, RunError> {
    let path = path.canonicalize().unwrap_or_else(|_| path.into());
    let called = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let data = serde_json::json!(record.data.sha256).to_string();
    let mut entries = BTreeMap::from([("run".into(), called), ("data_sha256".into(), data)]);
    if let Some(tested) = run.evaluation(record)?.filter(|_| name == RunFolder::BEST) {
        let error = tested.evaluation.wrong as f64 / tested.evaluation.images.max(1) as f64;
        entries.insert("test_error".into(), error.to_string());
    }
    Ok(entries)
}

/// Rounds the weights to integers, and reports the errors of both networks on the test images.
fn quantize(network: &mut Network, experiment: &Experiment, record: &Record) -> Result<(), Error> {
    let device = open_recorded(None, &record.device)?.device;
    let files = locate(&experiment.data)?;
    if *files.checksums() != record.data.sha256 {
        warn("the data files differ from those that this run was trained and tested with");
    }
    let test = files.test([record.data.height, record.data.width], record.data.classes)?;
    let float = network.errors(&test, &device)?;
    network.quantize(&files.train()?, &device)?;
    let (int8, images) = (network.errors(&test, &device)?, test.len());
    notice(format!(
        "wrong test images: {int8} of {images} with int8, {float} with float; computed here with the numbers that the \
         integers stand for"
    ));
    Ok(())
}
