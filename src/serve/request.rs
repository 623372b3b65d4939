//! The parts of a request: its headers, what its query asks for, and its body; and who may send it.
//!
//! The pages of other sites in a browser on this machine may not. Such a page can point its own name here (DNS rebinding),
//! which the Host header reveals, or send requests here, to which browsers add its Origin.

use std::{fmt::Display, net::IpAddr, sync::Arc};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::header::{HOST, HeaderName, ORIGIN};
use axum::http::{HeaderMap, Uri};
use axum::{middleware::Next, response::Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use percent_encoding::percent_decode_str;

use super::api_error::{ApiError, LARGEST_BODY};

pub fn field(fields: &HeaderMap, name: HeaderName) -> Result<Option<&str>, ApiError> {
    let mut values = fields.get_all(&name).iter();
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(malformed(format!("it has several {name} headers"))),
        (value, None) => value.map(|value| value.to_str().map_err(malformed)).transpose(),
    }
}

/// The values of these names in the query: empty if there is only the name. Another name is refused.
pub fn asked<const N: usize>(address: &Uri, names: [&str; N]) -> Result<[Option<String>; N], ApiError> {
    let mut values = [const { None }; N];
    for pair in address.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let unknown = || ApiError::Query { name: name.into(), known: names.join(" and ") };
        let place = names.iter().position(|it| *it == name).ok_or_else(unknown)?;
        values[place].get_or_insert(percent_decode_str(value).decode_utf8().map_err(malformed)?.into());
    }
    Ok(values)
}

/// The body of a request. The rest of one too large is discarded, because clients read the response only after sending all.
pub async fn whole(mut body: Body) -> Result<Bytes, ApiError> {
    let announces_more = body.size_hint().lower() > LARGEST_BODY as u64;
    let whole = Limited::new(&mut body, LARGEST_BODY).collect().await;
    if announces_more || whole.as_ref().is_err_and(|error| error.is::<LengthLimitError>()) {
        while let Some(Ok(_)) = body.frame().await {}
        return Err(ApiError::TooLarge);
    }
    Ok(whole.map_err(malformed)?.to_bytes())
}

/// The first file in a form. A browser sends one without a name if the user has chosen none.
pub async fn file(form: Request) -> Result<Bytes, ApiError> {
    let mut form = Multipart::from_request(form, &()).await.map_err(malformed)?;
    while let Some(part) = form.next_field().await.map_err(malformed)? {
        if part.file_name().is_some_and(|name| !name.is_empty()) {
            return part.bytes().await.map_err(malformed);
        }
    }
    Err(ApiError::NoFile)
}

fn malformed(error: impl Display) -> ApiError {
    ApiError::Malformed(error.to_string())
}

#[derive(Debug)]
pub struct Hosts {
    pub is_exposed: bool,
    /// Names of this server besides `localhost`: those of a reverse proxy, for instance.
    pub names: Vec<String>,
}

/// Refuses requests for other hosts, and requests from pages of other hosts.
pub async fn check(State(hosts): State<Arc<Hosts>>, request: Request, next: Next) -> Result<Response, ApiError> {
    let host = field(request.headers(), HOST)?.ok_or_else(|| ApiError::Malformed("it has no Host header".into()))?;
    if !hosts.is_ours(host) {
        return Err(ApiError::Host { host: without_port(host).into() });
    }
    let is_own = |origin: &str| match origin.split_once("://") {
        // A reverse proxy may leave out the port, or name this machine in place of its own host.
        Some(("http" | "https", from)) if hosts.is_named(from) => true,
        Some(("http", from)) => from == host,
        _ => false,
    };
    match field(request.headers(), ORIGIN)? {
        Some(origin) if !is_own(origin) => Err(ApiError::Origin { origin: origin.into() }),
        _ => Ok(next.run(request).await),
    }
}

impl Hosts {
    /// Whether the host is this machine: `localhost`, one of its names, or an address, which nobody else can point here.
    fn is_ours(&self, host: &str) -> bool {
        let name = without_port(host);
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        let is_own_address = |address: IpAddr| self.is_exposed || address.is_loopback();
        name.eq_ignore_ascii_case("localhost") || self.is_named(host) || bare.parse().is_ok_and(is_own_address)
    }

    fn is_named(&self, host: &str) -> bool {
        self.names.iter().any(|name| without_port(host).eq_ignore_ascii_case(name))
    }
}

/// The name in a host. The port may be another one that is forwarded to the server's.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: Hosts = Hosts { is_exposed: false, names: vec![] };
    const EXPOSED: Hosts = Hosts { is_exposed: true, names: vec![] };

    #[test]
    fn localhost_and_loopback_addresses_are_this_machine() {
        for host in ["localhost", "localhost:8000", "LocalHost:1", "127.0.0.1", "127.0.0.1:8000", "[::1]:8000", "[::1]"]
        {
            assert!(LOCAL.is_ours(host) && EXPOSED.is_ours(host), "{host}");
        }
    }

    #[test]
    fn host_names_that_others_can_point_here_are_not_this_machine() {
        for host in
            ["", "example.org", "example.org:8000", "localhost.example.org", "127.0.0.1.example.org", "a:b", ":80"]
        {
            assert!(!LOCAL.is_ours(host) && !EXPOSED.is_ours(host), "{host}");
        }
    }

    #[test]
    fn other_addresses_are_this_machine_only_if_it_is_exposed() {
        for host in ["192.168.1.7:8000", "[fe80::1]:8000"] {
            assert!(!LOCAL.is_ours(host) && EXPOSED.is_ours(host), "{host}");
        }
    }
    #[test]
    fn allowed_names_are_this_machine_whatever_the_port() {
        let named = Hosts { is_exposed: false, names: vec!["digits.example.org".into()] };
        assert!(named.is_ours("digits.example.org") && named.is_ours("Digits.Example.org:8443"));
        assert!(!named.is_ours("example.org") && !named.is_ours("192.168.1.7"));
    }
}
