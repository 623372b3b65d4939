//! Who may ask: not the pages of other sites that a browser on this machine shows.
//!
//! Such a page can have its own name point to this machine (DNS rebinding), which the Host field gives away, and it can
//! send requests here, to which browsers add its Origin.

use std::net::IpAddr;

use hyper::HeaderMap;
use hyper::header::{HOST, ORIGIN};

use super::api_error::ApiError;
use super::request::field;

/// Refuses requests for another host, and those of other hosts' pages.
pub fn check(fields: &HeaderMap, is_exposed: bool) -> Result<(), ApiError> {
    let host = field(fields, HOST)?.ok_or_else(|| ApiError::Malformed("it has no Host".into()))?;
    if !is_ours(host, is_exposed) {
        return Err(ApiError::Host { host: host.into() });
    }
    match field(fields, ORIGIN)? {
        Some(origin) if origin.strip_prefix("http://") != Some(host) => Err(ApiError::Origin { origin: origin.into() }),
        _ => Ok(()),
    }
}

/// Whether this machine is meant: `localhost`, or an address, which no one else can have point here. The port may be
/// another one, forwarded to ours.
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
    fn this_machine_is_asked_for_by_its_address_or_as_localhost() {
        for host in ["localhost", "localhost:8000", "LocalHost:1", "127.0.0.1", "127.0.0.1:8000", "[::1]:8000", "[::1]"]
        {
            assert!(is_ours(host, false) && is_ours(host, true), "{host}");
        }
    }

    #[test]
    fn names_that_others_can_have_point_here_are_not_ours() {
        for host in
            ["", "example.org", "example.org:8000", "localhost.example.org", "127.0.0.1.example.org", "a:b", ":80"]
        {
            assert!(!is_ours(host, false) && !is_ours(host, true), "{host}");
        }
    }

    #[test]
    fn other_addresses_are_ours_only_where_others_may_ask() {
        for host in ["192.168.1.7:8000", "[fe80::1]:8000"] {
            assert!(!is_ours(host, false) && is_ours(host, true), "{host}");
        }
    }
}
