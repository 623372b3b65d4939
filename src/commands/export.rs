//! `mnist-burn export`: writes a run's model to a file for other programs.

use std::{fs, path::Path};

use serde_json::json;

use super::opening::{choose_run, locate, lock, open_recorded};
use super::{evaluation::warn_of_other_data, output::OutputKind};
use crate::cli::{Export, Framework, notice, warn};
use crate::export::{Network, errors, onnx};
use crate::run::{EvaluationRecord, Member, Record, RunError, RunFolder};
use crate::{Error, device::Backend, model::to_half, model::weights::with_metadata};

pub fn run(arguments: &Export, folder: &Path) -> Result<(), Error> {
    let Export { file, half, input, quantize: int8, format, .. } = arguments;
    let (weights_file, program_file) = (file.join("model.safetensors"), file.join("model.py"));
    let file = if format.is_some() { &weights_file } else { file };
    let is_onnx = file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("onnx"));
    let name = "network file (`--format` writes a folder for PyTorch or Keras)";
    let program_output = OutputKind::new("Python file", &["py"], arguments.force);
    let output = OutputKind::new(name, &["onnx", "safetensors"], arguments.force);
    let options = [("--input", input.is_some(), true), ("--quantize", int8.is_some(), true), ("--half", *half, false)];
    if let Some((option, ..)) = options.into_iter().find(|it| it.1 && it.2 != is_onnx) {
        return Err(Error::Inapplicable { option, path: file.clone() });
    }
    output.check(file)?;
    format.iter().try_for_each(|_| program_output.check(&program_file))?;

    let (named, _unpacked) = choose_run(Some(&arguments.run), folder)?;
    let run = RunFolder::at(&named.path);
    let record = run.record()?;
    // What has no other form for an ensemble is refused for it.
    let parts = if is_onnx && !arguments.last { run.networks(&record) } else { vec![run.clone()] };
    let member = |number: usize| record.members.get(number).map(|member| (member, run.path()));
    let model = if arguments.last { RunFolder::LAST } else { RunFolder::BEST };
    let networks = parts.iter().enumerate().map(|(number, part)| network(part, model, member(number)));
    let mut networks = networks.collect::<Result<Vec<_>, _>>()?;
    let mut entries = networks[0].description.entries();
    if let Some(framework) = format {
        let device = open_recorded(Backend::cpu().map(Backend::name), &record.device)?.device;
        entries.insert("check_logits".into(), json!(networks[0].logits_of_a_ramp(&device)?).to_string());
        let folder = &arguments.file;
        fs::create_dir_all(folder).map_err(|source| RunError::Write { path: folder.clone(), source })?;
        let program: &[u8] = match framework {
            Framework::Pytorch => include_bytes!("../../templates/export/pytorch.py"),
            Framework::Keras => include_bytes!("../../templates/export/keras.py"),
        };
        program_output.save(&program_file, program)?;
    }
    if !is_onnx {
        let (weights, _) = run.weights(model, &record)?;
        let weights = if *half { to_half(&weights, file).map_err(RunError::from)? } else { weights };
        return output.save(file, &with_metadata(&weights, entries, file).map_err(RunError::from)?);
    }
    let is_raw = input.as_ref().is_none_or(|input| input == "raw");
    let scaling = |it: &Network| it.description.pixels.scaling;
    if !is_raw && networks.iter().any(|it| scaling(it) != scaling(&networks[0])) {
        return Err(Error::Scalings { run: run.path().into() });
    }
    if int8.is_some() {
        quantize(&mut networks, &run, &record, arguments.last)?;
    }
    if networks.len() > 1 {
        // They may differ from member to member.
        entries.retain(|key, _| !["architecture", "activation"].contains(&key.as_str()));
        entries.insert("members".into(), json!(record.members).to_string());
    }
    entries.insert("run".into(), Path::new(&named.name).file_name().unwrap_or_default().to_string_lossy().into());
    entries.insert("data_sha256".into(), json!(record.data.sha256).to_string());
    if let Some(tested) = run.evaluation(&record)?.filter(|_| !arguments.last) {
        entries.insert("test_error".into(), tested.evaluation.error().to_string());
    }
    output.save(file, &onnx(&networks, is_raw, entries))
}

/// The network in the file `name` of `run`. Refused if it is no longer the one of a `member` of an ensemble.
fn network(run: &RunFolder, name: &str, member: Option<(&Member, &Path)>) -> Result<Network, Error> {
    let (record, model) = (run.record()?, run.experiment()?.model);
    let (weights, sha256) = run.weights(name, &record)?;
    if let Some((_, ensemble)) = member.filter(|(member, _)| member.sha256 != sha256) {
        return Err(RunError::OtherMember { run: run.path().into(), ensemble: ensemble.into() }.into());
    }
    Ok(Network::new(weights, &run.path().join(name), &model, record.description(&model)).map_err(RunError::from)?)
}

/// Rounds the networks of `run`, its best ones or its `last`, to integers, and reports the errors on the test images before and
/// after. Those of the best one are recorded beside its evaluation, if the images are the run's own.
fn quantize(networks: &mut [Network], run: &RunFolder, record: &Record, last: bool) -> Result<(), Error> {
    let device = open_recorded(None, &record.device)?.device;
    let files = locate(&run.experiment()?.data)?;
    warn_of_other_data(&files, record);
    let test = files.test([record.data.height, record.data.width], record.data.classes)?;
    let float = errors(networks, &test, &device)?;
    let training = files.train()?;
    networks.iter_mut().try_for_each(|network| network.quantize(&training, &device))?;
    let (int8, images) = (errors(networks, &test, &device)?, test.len());
    notice(format!(
        "wrong test images: {int8} of {images} with int8, by the numbers for which the integers stand; {float} with float"
    ));
    let is_own = *files.checksums() == record.data.sha256;
    if let Some(tested) = run.evaluation(record)?.filter(|_| is_own && !last) {
        let write = |_| run.write_evaluation(&EvaluationRecord { int8_wrong: Some(int8), ..tested });
        if let Err(error) = lock(run).and_then(write) {
            warn(format!("the errors with int8 are not recorded: {error}"));
        }
    }
    Ok(())
}
