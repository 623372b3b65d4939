//! What is answered, and what a browser may do with it.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::json;

use super::refusal::Refusal;

/// What a page of ours may load and do: its own style and script, its images, and questions to this server.
const OURS: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// What a report may: show itself.
const REPORT: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'";

/// An answer.
#[derive(Debug)]
pub struct Response {
    status: u16,
    allowed: Option<&'static str>,
    kind: &'static str,
    policy: &'static str,
    body: Cow<'static, [u8]>,
}

impl Response {
    /// A body of the media type `kind`.
    pub fn new(kind: &'static str, body: impl Into<Cow<'static, [u8]>>) -> Self {
        Self { status: 200, allowed: None, kind, policy: OURS, body: body.into() }
    }

    /// A value as JSON.
    pub fn json(value: &impl Serialize) -> Result<Self, Refusal> {
        let body = serde_json::to_vec(value).map_err(|_| Refusal::Failure)?;
        Ok(Self::new("application/json", body))
    }

    /// `{"error": "..."}` under the HTTP status, for 405 with the method that is allowed.
    pub fn error(status: u16, allowed: Option<&'static str>, error: &str) -> Self {
        let body = json!({ "error": error }).to_string().into_bytes();
        Self { status, allowed, ..Self::new("application/json", body) }
    }

    /// The page of a run, which anyone may have written.
    pub fn report(page: Vec<u8>) -> Self {
        Self { policy: REPORT, ..Self::new("text/html; charset=utf-8", page) }
    }

    /// The bytes to send; without the body, as HEAD asks for; with the last response, that it is.
    pub fn to_bytes(&self, with_body: bool, is_last: bool) -> Vec<u8> {
        let mut bytes = format!(
            "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nContent-Security-Policy: {}\r\n\
             X-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\nReferrer-Policy: same-origin\r\n\
             Cross-Origin-Resource-Policy: same-origin\r\nCross-Origin-Opener-Policy: same-origin\r\n\
             Cache-Control: no-store\r\n",
            self.status,
            reason(self.status),
            self.kind,
            self.body.len(),
            self.policy,
        );
        if let Some(allowed) = self.allowed {
            bytes += &format!("Allow: {allowed}\r\n");
        }
        if is_last {
            bytes += "Connection: close\r\n";
        }
        bytes += "\r\n";
        let mut bytes = bytes.into_bytes();
        if with_body {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}

/// The words of a status (RFC 9110 and RFC 6585).
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        411 => "Length Required",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        421 => "Misdirected Request",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}
