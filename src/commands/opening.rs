//! Opens devices, data sets and run folders for a command, with notices for the user.

use std::path::Path;

use tempfile::TempDir;

use crate::cli::{download_bar, notice, warn};
use crate::data::{self, Files};
use crate::device::{self, Backend, DeviceError, DeviceName, Opened};
use crate::run::{
    BUNDLED, Checkpoint, ListedRun, Lock, RunError, RunFolder, Status, find, is_run, list, list_existing,
    unpack_bundled, unpack_model,
};
use crate::{Error, config::Data, serve::NamedRun, text::chain};

/// The run in the folder `path`, or of that name in the folder `runs`.
pub fn find_run(path: &Path, runs: &Path) -> Result<RunFolder, RunError> {
    let path = if path.ends_with(Checkpoint::FILE) { path.parent().unwrap_or(path) } else { path };
    if path.is_file() || is_run(path) {
        return Ok(RunFolder::at(path));
    }
    // `runs/pretrain` is `pretrain` in the folder of runs, whatever that is called, and may be the beginning of a name.
    let name = path.strip_prefix(runs).or(path.strip_prefix("runs")).unwrap_or(path);
    let found = find(&name.to_string_lossy(), runs);
    // A path to another folder is not the beginning of a name. It is told what that folder lacks.
    let is_path = path.components().count() > 1 && list_existing(path).is_ok_and(|inside| inside.is_empty());
    if path.exists() && (is_path || matches!(found, Err(RunError::Unknown { .. }))) {
        return Ok(RunFolder::at(path));
    }
    let (run, how) = found?;
    how.iter().for_each(|how| notice(format!("run: {}, {how}", run.path.display())));
    Ok(RunFolder::at(&run.path))
}

/// The runs in `folder`, the newest last. Warns of those that are skipped.
pub fn list_runs(folder: &Path) -> Result<Vec<ListedRun>, RunError> {
    let (runs, warnings) = list(folder)?;
    warnings.iter().for_each(warn);
    Ok(runs)
}

/// A run, and its folder if it is temporary: it is deleted with this value.
pub type Chosen = (NamedRun, Option<TempDir>);

/// The run or model file at `path`, or the run of that name. By default the newest finished run in `runs`, or the bundled one.
pub fn choose_run(path: Option<&Path>, runs: &Path) -> Result<Chosen, RunError> {
    if let Some(path) = path {
        let NamedRun { name, path } = NamedRun::at(find_run(path, runs)?.path(), runs);
        let unpacked = path.is_file().then(|| unpack_model(&path)).transpose()?;
        return Ok((NamedRun { name, path: unpacked.as_ref().map_or(path, |folder| folder.path().into()) }, unpacked));
    }
    let is_finished = |it: &ListedRun| it.summary.as_ref().is_ok_and(|summary| summary.status == Status::Finished);
    let (mut finished, others): (Vec<_>, Vec<_>) = list_existing(runs)?.into_iter().partition(is_finished);
    if let Some(ListedRun { name, path, .. }) = finished.pop() {
        notice(format!("run: {}, the newest finished one", path.display()));
        return Ok((NamedRun { name, path }, None));
    }
    for (name, error) in others.into_iter().filter_map(|it| Some((it.name, it.summary.err()?))) {
        warn(format!("{name} can't be read: {}", chain(&error)));
    }
    let bundled = unpack_bundled()?;
    notice(format!("no run in {} is finished, so the network that comes with the program is used", runs.display()));
    Ok((NamedRun { name: BUNDLED.into(), path: bundled.path().into() }, Some(bundled)))
}

pub fn open_device(name: &str) -> Result<Opened, DeviceError> {
    let device = device::open(name)?;
    notice(format!("device: {device}"));
    if device.software {
        let cpu = Backend::cpu().map(|cpu| format!("; `--device {}` is faster", cpu.name()));
        warn(format!("this is a software renderer on the CPU, which is slow{}", cpu.unwrap_or_default()));
    }
    Ok(device)
}

/// Opens the device `asked` for, or the `recorded` one. If the build lacks that CPU backend, opens its own: both predict alike.
pub fn open_recorded(asked: Option<&str>, recorded: &str) -> Result<Opened, DeviceError> {
    let is_lacked = |backend: Backend| !backend.is_gpu() && !backend.is_built();
    match (asked, DeviceName::parse(recorded), Backend::cpu().map(Backend::name)) {
        (None, Some(DeviceName::Local(backend, _)), Some(cpu)) if is_lacked(backend) => {
            notice(format!("the run was recorded on {recorded}, which is not compiled in, so {cpu} is used"));
            open_device(cpu)
        }
        _ => open_device(asked.unwrap_or(recorded)),
    }
}

pub fn locate(data: &Data) -> Result<Files, Error> {
    let files = data::locate(data, &download_bar)?;
    files.warnings().iter().for_each(warn);
    Ok(files)
}

pub fn lock(run: &RunFolder) -> Result<Lock, RunError> {
    run.lock().inspect(|lock| lock.warnings.iter().for_each(warn))
}
