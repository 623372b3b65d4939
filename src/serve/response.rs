//! Responses, and what a browser may do with them.

use std::borrow::Cow;

use http_body_util::Full;
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::json;

use super::api_error::ApiError;

/// What the server's own page may load and do: its style and script, its images, and requests to this server.
const OURS: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// What a report may do: only show itself.
const REPORT: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'";

#[derive(Debug)]
pub struct Response {
    status: StatusCode,
    allowed: Option<&'static str>,
    kind: &'static str,
    policy: &'static str,
    body: Cow<'static, [u8]>,
}

impl Response {
    /// A response with a body of the media type `kind`.
    pub fn new(kind: &'static str, body: impl Into<Cow<'static, [u8]>>) -> Self {
        Self { status: StatusCode::OK, allowed: None, kind, policy: OURS, body: body.into() }
    }

    pub fn json(value: &impl Serialize) -> Result<Self, ApiError> {
        let body = serde_json::to_vec(value).map_err(|_| ApiError::Failure)?;
        Ok(Self::new("application/json", body))
    }

    /// The report of a run. Anyone may have written it.
    pub fn report(page: Vec<u8>) -> Self {
        Self { policy: REPORT, ..Self::new("text/html; charset=utf-8", page) }
    }
}

/// `{"error": "..."}` with the HTTP status, and for 405 with the allowed method.
impl From<ApiError> for Response {
    fn from(error: ApiError) -> Self {
        let allowed = if let ApiError::Method { allowed } = error { Some(allowed) } else { None };
        let body = json!({ "error": error.to_string() }).to_string().into_bytes();
        Self { status: error.status(), allowed, ..Self::new("application/json", body) }
    }
}

impl From<Response> for hyper::Response<Full<Bytes>> {
    fn from(Response { status, allowed, kind, policy, body }: Response) -> Self {
        let body = match body {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        };
        let mut response = Self::new(Full::new(body));
        *response.status_mut() = status;
        let fields = response.headers_mut();
        for (name, value) in [
            (header::CONTENT_TYPE, kind),
            (header::CONTENT_SECURITY_POLICY, policy),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::X_FRAME_OPTIONS, "DENY"),
            (header::REFERRER_POLICY, "same-origin"),
            (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
            (header::CACHE_CONTROL, "no-store"),
        ] {
            fields.insert(name, HeaderValue::from_static(value));
        }
        if let Some(allowed) = allowed {
            fields.insert(header::ALLOW, HeaderValue::from_static(allowed));
        }
        response
    }
}
