//! Devices and data sets, opened for a command, with what the user should know about them.

use crate::Error;
use crate::cli::{DownloadBar, notice, warn};
use crate::config::{Data, Devices};
use crate::data::{self, Files};
use crate::device::{self, DeviceError, Opened};

/// Opens a device and says which one it is.
pub fn open_device(name: &str) -> Result<Opened, DeviceError> {
    let device = device::open(name)?;
    notice(format!("device: {device}"));
    if device.software {
        warn("this is a software renderer on the CPU, which is slow; `--device ndarray` is faster");
    }
    Ok(device)
}

/// Opens each device of an experiment, of which there is at least one. With several, says how they share an update.
pub fn open_devices(devices: &Devices) -> Result<Vec<Opened>, DeviceError> {
    let opened = devices.names().into_iter().map(open_device).collect::<Result<Vec<_>, _>>()?;
    if opened.len() > 1 {
        notice(format!(
            "an update has a batch of each of the {} devices; their gradients are summed on the first one (Burn's `multi` \
             strategy: its `ddp`, for CUDA alone, waits for ever for a device that has a batch fewer or stops first)",
            opened.len()
        ));
    }
    Ok(opened)
}

/// Finds the files of a data set, and downloads those that are missing.
pub fn locate(data: &Data) -> Result<Files, Error> {
    let files = data::locate(data, &DownloadBar::default())?;
    files.warnings().iter().for_each(warn);
    Ok(files)
}
