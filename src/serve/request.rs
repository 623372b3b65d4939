//! The parts of a request: its headers, what its query asks for, and its body.

use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::HeaderName;
use hyper::{HeaderMap, Request};
use percent_encoding::percent_decode_str;

use super::api_error::{ApiError, LARGEST_BODY};

/// The value of a header. Refuses several values, and one that is not text.
pub fn field(fields: &HeaderMap, name: HeaderName) -> Result<Option<&str>, ApiError> {
    let mut values = fields.get_all(&name).iter();
    let (value, other) = (values.next(), values.next());
    if other.is_some() {
        return Err(ApiError::Malformed(format!("it has several {name} headers")));
    }
    let text = |error: hyper::header::ToStrError| ApiError::Malformed(format!("{name}: {error}"));
    value.map(|value| value.to_str().map_err(text)).transpose()
}

/// The body of a request. If it is too large, the rest is read and discarded, because a client reads the response only
/// after it has sent everything.
pub async fn whole(mut body: Incoming) -> Result<Vec<u8>, ApiError> {
    let mut is_too_large = body.size_hint().lower() > LARGEST_BODY as u64;
    let mut whole = vec![];
    while let Some(frame) = body.frame().await {
        let data = match frame {
            Ok(frame) => frame.into_data().unwrap_or_default(),
            Err(_) if is_too_large => break,
            Err(error) => return Err(ApiError::Malformed(error.to_string())),
        };
        is_too_large |= whole.len() + data.len() > LARGEST_BODY;
        if !is_too_large {
            whole.extend_from_slice(&data);
        }
    }
    if is_too_large { Err(ApiError::TooLarge) } else { Ok(whole) }
}

/// The run that the query names, if any.
pub fn run(request: &Request<Incoming>) -> Result<Option<String>, ApiError> {
    let query = request.uri().query().unwrap_or_default();
    let Some(value) = query.split('&').find_map(|pair| pair.strip_prefix("run=")) else { return Ok(None) };
    let name = percent_decode_str(value).decode_utf8();
    Ok(Some(name.map_err(|error| ApiError::Malformed(error.to_string()))?.into_owned()))
}

/// Whether the query asks for the stages of the preparation.
pub fn asks_for_stages(request: &Request<Incoming>) -> bool {
    request.uri().query().unwrap_or_default().split('&').any(|pair| pair == "stages")
}
