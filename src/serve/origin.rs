//! Who may send requests: not the pages of other sites in a browser on this machine.
//!
//! Such a page can point its own name to this machine (DNS rebinding), which the Host header reveals. It can also send
//! requests here, to which browsers add its Origin.

use std::net::IpAddr;

use hyper::HeaderMap;
use hyper::header::{HOST, ORIGIN};

use super::api_error::ApiError;
use super::request::field;

/// Refuses requests for other hosts, and requests from pages of other hosts.
pub fn check(fields: &HeaderMap, is_exposed: bool) -> Result<(), ApiError> {
    let host = field(fields, HOST)?.ok_or_else(|| ApiError::Malformed("it has no Host header".into()))?;
    if !is_ours(host, is_exposed) {
        return Err(ApiError::Host { host: host.into() });
    }
    match field(fields, ORIGIN)? {
        Some(origin) if origin.strip_prefix("http://") != Some(host) => Err(ApiError::Origin { origin: origin.into() }),
        _ => Ok(()),
    }
}

/// Whether the host is this machine: `localhost`, or an address, which nobody else can point here. The port may be
/// another one that is forwarded to the server's.
fn is_ours(host: &str, is_exposed: bool) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    if name.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    bare.parse().is_ok_and(|address: IpAddr| is_exposed || address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_ours;

    #[test]
    fn localhost_and_loopback_addresses_are_this_machine() {
        for host in ["localhost", "localhost:8000", "LocalHost:1", "127.0.0.1", "127.0.0.1:8000", "[::1]:8000", "[::1]"]
        {
            assert!(is_ours(host, false) && is_ours(host, true), "{host}");
        }
    }

    #[test]
    fn host_names_that_others_can_point_here_are_not_this_machine() {
        for host in
            ["", "example.org", "example.org:8000", "localhost.example.org", "127.0.0.1.example.org", "a:b", ":80"]
        {
            assert!(!is_ours(host, false) && !is_ours(host, true), "{host}");
        }
    }

    #[test]
    fn other_addresses_are_this_machine_only_if_it_is_exposed() {
        for host in ["192.168.1.7:8000", "[fe80::1]:8000"] {
            assert!(!is_ours(host, false) && is_ours(host, true), "{host}");
        }
    }
}
