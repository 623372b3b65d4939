//! Downloads one file of a published data set from the first mirror that sends it intact.

use std::env;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

use super::error::{DataError, MirrorError};
use super::source::Published;
use crate::checksum;

#[cfg(test)]
mod tests;

/// Is called with the address and the bytes of each download. What it returns is called with the bytes that have arrived
/// so far, and dropped at the end.
pub type DownloadProgress<'a> = &'a dyn Fn(&str, u64) -> Box<dyn Fn(u64)>;

/// Shows no progress.
pub fn silent(_: &str, _: u64) -> Box<dyn Fn(u64)> {
    Box::new(|_| ())
}

/// How long to wait for a mirror before trying the next one.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// For the look-up of its address, and again for the connection.
    pub connect: Duration,
    /// For its next byte. The whole download has no limit: a slow connection is not an error.
    pub silence: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), silence: Duration::from_secs(30) }
    }
}

impl Timeouts {
    /// Both time-outs in the environment variable `MNIST_BURN_TIMEOUT`, in seconds above 0, or the defaults if it is not
    /// set.
    pub fn from_env() -> Result<Self, DataError> {
        env::var_os("MNIST_BURN_TIMEOUT").map_or(Ok(Self::default()), |value| Self::parse(&value.to_string_lossy()))
    }

    fn parse(value: &str) -> Result<Self, DataError> {
        let timeout = value.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let timeout = timeout.filter(|timeout| !timeout.is_zero());
        let timeout = timeout.ok_or_else(|| DataError::Timeout { value: value.into() })?;
        Ok(Self { connect: timeout, silence: timeout })
    }

    fn agent(self, trusted: RootCerts) -> Agent {
        Agent::config_builder()
            .tls_config(TlsConfig::builder().root_certs(trusted).build())
            .timeout_resolve(Some(self.connect))
            .timeout_connect(Some(self.connect))
            .timeout_per_read(Some(self.silence))
            // The checksum is that of the stored bytes, so the server must not encode them again.
            .accept_encoding("identity")
            .build()
            .into()
    }
}

/// Downloads `name` into the folder `dir`, which it creates if needed, and returns the file's path. The mirrors are
/// base addresses, tried in order. The file appears under its name only once it is complete and its checksum is right.
pub fn download(
    name: &str,
    published: &Published,
    mirrors: &[String],
    dir: &Path,
    timeouts: Timeouts,
    progress: DownloadProgress,
) -> Result<PathBuf, DataError> {
    // Checked first: nobody should wait for a download to learn that the folder is not writable.
    fs::create_dir_all(dir)
        .and_then(|()| tempfile::tempfile_in(dir))
        .map_err(|source| DataError::Write { path: dir.into(), source })?;
    // A company that reads its network's traffic has a certificate of its own, which the system knows.
    let [agent, system] = [RootCerts::WebPki, RootCerts::PlatformVerifier].map(|trusted| timeouts.agent(trusted));
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
        found => Err(MirrorError::Checksum { expected: published.sha256.into(), found }),
    }
}

/// Writes the file under a temporary name, syncs it to the disk, and renames it.
fn store(bytes: &[u8], name: &str, dir: &Path) -> Result<PathBuf, DataError> {
    let path = dir.join(name);
    let write = || -> io::Result<()> {
        // `make_in` gives the file the permissions of any new file, not those of a private temporary one.
        let mut part = tempfile::Builder::new().suffix(".part").make_in(dir, |path| File::create_new(path))?;
        part.write_all(bytes)?;
        part.as_file().sync_all()?;
        part.persist(&path)?;
        Ok(())
    };
    write().map_err(|source| DataError::Write { path: path.clone(), source })?;
    Ok(path)
}
