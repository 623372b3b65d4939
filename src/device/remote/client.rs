//! Opens the devices of workers.

use std::{error::Error, net::ToSocketAddrs};

use burn::remote::{ConnectError, IrohHost, RemoteHost};
use burn::tensor::Device;
use iroh::{EndpointAddr, EndpointId};

use super::address::{Address, FILE_VARIABLE, RemoteError, VARIABLE, WorkerAddress};
use super::{endpoint, heartbeat};

/// Opens a device. From then on, a heartbeat watches its worker.
pub fn open(address: &Address) -> Result<Device, RemoteError> {
    let host = host(&address.worker)?;
    let options = Device::remote_options(&host).device_index(address.device);
    options.init().map_err(|error| refused(&address.worker, &error))
}

/// Lists the devices of a worker. From then on, a heartbeat watches it.
pub fn devices(worker: &WorkerAddress) -> Result<Vec<Address>, RemoteError> {
    let devices = host(worker)?.devices().map_err(|error| refused(worker, &error))?;
    Ok((0..devices.into_vec().len()).map(|device| Address { worker: worker.clone(), device }).collect())
}

/// The worker as Burn connects to it. Checks first that it answers, because Burn would wait forever.
fn host(worker: &WorkerAddress) -> Result<RemoteHost, RemoteError> {
    let token = endpoint::token()?;
    let answering = || -> Result<RemoteHost, Box<dyn Error>> {
        let Some(id) = &worker.id else {
            heartbeat::websocket(worker, &Vec::from_iter(worker.host.to_socket_addrs()?))?;
            return Ok(RemoteHost::websocket(&worker.to_string()));
        };
        let id: EndpointId = id.parse().map_err(|_| "its name does not contain a valid worker identity")?;
        let peer = worker.host.to_socket_addrs()?.fold(EndpointAddr::new(id), EndpointAddr::with_ip_addr);
        heartbeat::iroh(worker, peer.clone())?;
        let (_, endpoint) = endpoint::dialing()?;
        Ok(RemoteHost::iroh(IrohHost::new(peer).with_endpoint(endpoint)))
    };
    let failed = |error: Box<dyn Error>| RemoteError::Unreachable { worker: worker.clone(), reason: error.to_string() };
    answering().map(|host| host.with_credential(token)).map_err(failed)
}

fn refused(worker: &WorkerAddress, error: &ConnectError) -> RemoteError {
    let reason = match error {
        ConnectError::Unauthorized => format!("the token in {VARIABLE} or {FILE_VARIABLE} is not the worker's"),
        ConnectError::NoSuchDevice { device_count: count } => format!(
            "it has no device with this number: it has {count}, counted from 0; `mnist-burn devices` lists them"
        ),
        ConnectError::IncompatibleProtocol { client_version, server_version } => format!(
            "it speaks version {server_version} of Burn's protocol, but this program speaks version {client_version}; \
             build both from the same version of mnist-burn"
        ),
        ConnectError::Handshake { reason } => format!("{reason}; build both from the same version of mnist-burn"),
        other => return RemoteError::Unreachable { worker: worker.clone(), reason: other.to_string() },
    };
    RemoteError::Refused { worker: worker.clone(), reason }
}
