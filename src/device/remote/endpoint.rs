//! What workers and clients share: the token, and Iroh's encrypted connections, without a relay or a discovery service.

use std::{env, error::Error, fs, io, path::PathBuf};

use iroh::endpoint::{Builder, QuicTransportConfig, VarInt, presets};
use iroh::{Endpoint, RelayMode};
use parking_lot::Mutex;
use tokio::runtime::{self, Runtime};

use super::address::{FILE_VARIABLE, MIN_LENGTH, RemoteError, VARIABLE};

/// The milliseconds for which a connection may be silent before it counts as broken. Iroh sends a keep-alive every 5 s.
const SILENCE: VarInt = VarInt::from_u32(15_000);

/// Reads the token, trimmed, from the environment or from a file named there. Configs, records and messages never contain it.
pub fn token() -> Result<String, RemoteError> {
    let given = env::var(VARIABLE).ok().filter(|token| !token.trim().is_empty());
    let token = match (given, env::var_os(FILE_VARIABLE).map(PathBuf::from)) {
        (Some(token), _) => token,
        (None, Some(path)) => fs::read_to_string(&path).map_err(|source| RemoteError::TokenFile { path, source })?,
        (None, None) => String::new(),
    };
    match token.trim() {
        "" => Err(RemoteError::NoToken),
        token if token.chars().count() < MIN_LENGTH => Err(RemoteError::ShortToken),
        token => Ok(token.into()),
    }
}

pub fn builder() -> Builder {
    // No segmentation offload, because of <https://github.com/n0-computer/iroh/issues/4555>.
    let transport = QuicTransportConfig::builder().enable_segmentation_offload(false);
    let transport = transport.max_idle_timeout(Some(SILENCE.into())).build();
    Endpoint::builder(presets::Minimal).relay_mode(RelayMode::Disabled).transport_config(transport)
}

/// The runtime for the network. Burn needs more than one thread because its calls block until an answer arrives.
pub fn runtime() -> io::Result<Runtime> {
    runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}

/// The endpoint that this program connects from, and its runtime. Both live as long as the program.
pub fn dialing() -> Result<(&'static Runtime, Endpoint), Box<dyn Error>> {
    static DIALING: Mutex<Option<(&'static Runtime, Endpoint)>> = Mutex::new(None);
    let mut dialing = DIALING.lock();
    if let Some(bound) = &*dialing {
        return Ok(bound.clone());
    }
    let runtime: &Runtime = Box::leak(Box::new(runtime()?));
    Ok(dialing.insert((runtime, runtime.block_on(builder().bind())?)).clone())
}
