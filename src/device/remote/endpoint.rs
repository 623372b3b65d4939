//! Encrypted connections: an Iroh endpoint that talks to the other one directly, through nobody's relay or directory.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use iroh::endpoint::{Builder, QuicTransportConfig, VarInt, presets};
use iroh::{Endpoint, RelayMode};
use tokio::runtime::{self, Runtime};

/// How long a connection may be silent, both ways, before it counts as broken. Iroh asks after the other end every 5 s.
const SILENCE: Duration = Duration::from_secs(15);

/// An endpoint to be bound.
pub fn builder() -> Builder {
    let silence = VarInt::from_u32(SILENCE.as_millis() as u32);
    // Sending several packets in one call is what <https://github.com/n0-computer/iroh/issues/4555> is about.
    let transport = QuicTransportConfig::builder()
        .max_idle_timeout(Some(silence.into()))
        .enable_segmentation_offload(false)
        .build();
    Endpoint::builder(presets::Minimal).relay_mode(RelayMode::Disabled).transport_config(transport)
}

/// What waits on the network. More than one thread, as Burn asks for: its calls block until an answer comes.
pub fn runtime() -> io::Result<Runtime> {
    runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}

/// The one endpoint that this program dials from, and what it waits with. Both live as long as the program.
pub fn dialing() -> Result<(&'static Runtime, Endpoint), String> {
    static DIALING: Mutex<Option<(&'static Runtime, Endpoint)>> = Mutex::new(None);
    let mut dialing = DIALING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(bound) = &*dialing {
        return Ok(bound.clone());
    }
    let runtime: &Runtime = Box::leak(Box::new(runtime().map_err(|error| error.to_string())?));
    let endpoint = runtime.block_on(builder().bind()).map_err(|error| error.to_string())?;
    Ok(dialing.insert((runtime, endpoint)).clone())
}
