//! The published data sets, which `data/sources.toml` has. Downloads one of their files from the first mirror that sends it intact.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::{collections::BTreeMap, env, sync::LazyLock, time::Duration};

use serde::Deserialize;
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

use super::error::{DataError, MirrorError};
use crate::{checksum, config::Dataset};

/// The names of the four IDX files, without `.gz`. All data sets use the names that MNIST gave them.
pub const NAMES: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

static SOURCES: LazyLock<BTreeMap<String, Source>> =
    LazyLock::new(|| toml::from_str(include_str!("../../data/sources.toml")).expect("a test reads all of the file"));

#[derive(Debug, Deserialize)]
pub struct Source {
    dataset: Dataset,
    /// Its folder in `data/`.
    pub folder: String,
    /// The folder that torchvision makes for it.
    pub torchvision: String,
    pub mirrors: Vec<String>,
    /// In the order of their labels.
    pub classes: Vec<String>,
    /// In the order of [`NAMES`].
    pub files: [Published; 4],
}

/// A compressed file as it was published: its size in bytes, and its SHA-256 as lower-case hexadecimal text.
#[derive(Debug, Deserialize)]
pub struct Published {
    pub size: u64,
    pub sha256: String,
}

impl Source {
    /// The published data set of that name; `None` for the user's own files and image folders.
    pub fn of(dataset: Dataset) -> Option<&'static Source> {
        SOURCES.values().find(|source| source.dataset == dataset)
    }
}

#[cfg(test)]
mod tests;

/// Is called with each download's address and bytes. What it returns is called with the bytes so far, and then dropped.
pub type DownloadProgress<'a> = &'a dyn Fn(&str, u64) -> Box<dyn Fn(u64)>;

/// Shows no progress.
pub fn silent(_: &str, _: u64) -> Box<dyn Fn(u64)> {
    Box::new(|_| ())
}

/// How long to wait for a mirror's address, its connection and its next byte, before trying the next one: the seconds,
/// above 0, in `MNIST_BURN_TIMEOUT`. A whole download has no limit: a slow connection is not an error.
pub fn timeout_from_env() -> Result<Option<Duration>, DataError> {
    env::var_os("MNIST_BURN_TIMEOUT").map(|value| timeout(&value.to_string_lossy())).transpose()
}

fn timeout(value: &str) -> Result<Duration, DataError> {
    let timeout = value.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    timeout.filter(|timeout| !timeout.is_zero()).ok_or_else(|| DataError::Timeout { value: value.into() })
}

fn agent(timeout: Option<Duration>, trusted: RootCerts) -> Agent {
    let [connect, silence] = [10, 30].map(|seconds| Some(timeout.unwrap_or(Duration::from_secs(seconds))));
    let timeouts = Agent::config_builder().timeout_resolve(connect).timeout_connect(connect).timeout_per_read(silence);
    // The checksum is that of the stored bytes, so the server must not encode them again.
    timeouts.tls_config(TlsConfig::builder().root_certs(trusted).build()).accept_encoding("identity").build().into()
}

/// Downloads `name` into `dir` from a mirror's base address. The file appears under its name only when complete and intact.
pub fn download(
    name: &str,
    published: &Published,
    mirrors: &[String],
    dir: &Path,
    timeout: Option<Duration>,
    progress: DownloadProgress,
) -> Result<PathBuf, DataError> {
    // Checked first: nobody should wait for a download to learn that the folder is not writable.
    let is_new = !dir.exists();
    let written = fs::create_dir_all(dir).and_then(|()| tempfile::tempfile_in(dir));
    written.map_err(|source| DataError::Write { path: dir.into(), source })?;
    // A company that reads its network's traffic has a certificate of its own, which the system knows.
    let [agent, system] = [RootCerts::WebPki, RootCerts::PlatformVerifier].map(|trusted| agent(timeout, trusted));
    let mut attempts = Vec::new();
    for mirror in mirrors {
        let url = format!("{}/{name}", mirror.trim_end_matches('/'));
        let fetched = match fetch(&agent, &url, published, progress) {
            Err(MirrorError::Certificate(_)) => fetch(&system, &url, published, progress),
            other => other,
        };
        match fetched {
            Ok(bytes) => return store(&bytes, name, dir),
            Err(reason) => attempts.push((url, reason)),
        }
    }
    if is_new {
        // It is empty, and perhaps of a mistyped path.
        let _ = fs::remove_dir(dir);
    }
    Err(DataError::Download { name: name.into(), dir: dir.into(), attempts })
}

/// Downloads the published file from an address into memory: the largest has 26 MB.
fn fetch(agent: &Agent, url: &str, published: &Published, progress: DownloadProgress) -> Result<Vec<u8>, MirrorError> {
    let advance = progress(url, published.size);
    let mut bytes = Vec::new();
    let mut response = agent.get(url).call()?;
    // One more byte reveals a body that is too long, without reading all of it.
    let mut body = response.body_mut().as_reader().take(published.size + 1);
    // Reading reports errors of `ureq` as I/O errors.
    while body.by_ref().take(1 << 16).read_to_end(&mut bytes).map_err(ureq::Error::from)? > 0 {
        advance(bytes.len() as u64);
    }
    let (expected, found) = (published.size, bytes.len() as u64);
    if found != expected {
        return Err(MirrorError::Length { expected, found });
    }
    match checksum::of_bytes(&bytes) {
        found if found == published.sha256 => Ok(bytes),
        found => Err(MirrorError::Checksum { expected: published.sha256.clone(), found }),
    }
}

/// Writes the file under a temporary name, syncs it to the disk, and renames it.
fn store(bytes: &[u8], name: &str, dir: &Path) -> Result<PathBuf, DataError> {
    let path = dir.join(name);
    let write = || {
        // `make_in` gives the file the permissions of any new file, not those of a private temporary one.
        let mut part = tempfile::Builder::new().suffix(".part").make_in(dir, |path| File::create_new(path))?;
        part.write_all(bytes)?;
        part.as_file().sync_all()?;
        part.persist(&path).map_err(io::Error::from)
    };
    write().map_err(|source| DataError::Write { path: path.clone(), source })?;
    Ok(path)
}
