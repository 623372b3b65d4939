//! Responses, and what a browser may do with them.

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

pub type Response = hyper::Response<Full<Bytes>>;

pub fn of(kind: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Full::new(body.into()));
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, OURS),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

pub fn json(value: &impl Serialize) -> Result<Response, ApiError> {
    serde_json::to_vec(value).map(|body| of("application/json", body)).map_err(|_| ApiError::Failure)
}

/// The report of a run. Anyone may have written it.
pub fn report(page: Vec<u8>) -> Response {
    let mut response = of("text/html; charset=utf-8", page);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(REPORT));
    response
}

/// `{"error": "..."}` with the HTTP status, and for 405 with the allowed method.
pub fn refusal(error: &ApiError) -> Response {
    let mut response = of("application/json", json!({ "error": error.to_string() }).to_string());
    *response.status_mut() = match error {
        ApiError::Malformed(_) | ApiError::Json(_) | ApiError::Image(_) => StatusCode::BAD_REQUEST,
        ApiError::Origin { .. } => StatusCode::FORBIDDEN,
        ApiError::Path { .. } | ApiError::NoRun { .. } | ApiError::NoReport { .. } => StatusCode::NOT_FOUND,
        ApiError::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
        ApiError::Late => StatusCode::REQUEST_TIMEOUT,
        ApiError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ApiError::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ApiError::Host { .. } => StatusCode::MISDIRECTED_REQUEST,
        ApiError::Run(_) | ApiError::Evaluation(_) | ApiError::Failure => StatusCode::INTERNAL_SERVER_ERROR,
    };
    if let ApiError::Method { allowed } = error {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    }
    response
}
