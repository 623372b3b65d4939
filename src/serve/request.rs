//! The parts of a request: its headers, what its query asks for, and its body.

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::HeaderName;
use hyper::{HeaderMap, Request};
use percent_encoding::percent_decode_str;

use super::api_error::{ApiError, LARGEST_BODY};

pub fn field(fields: &HeaderMap, name: HeaderName) -> Result<Option<&str>, ApiError> {
    let mut values = fields.get_all(&name).iter();
    let (value, other) = (values.next(), values.next());
    if other.is_some() {
        return Err(ApiError::Malformed(format!("it has several {name} headers")));
    }
    let text = |error: hyper::header::ToStrError| ApiError::Malformed(format!("{name}: {error}"));
    value.map(|value| value.to_str().map_err(text)).transpose()
}

/// The body of a request. The rest of one too large is discarded, because clients read the response only after sending all.
pub async fn whole(mut body: Incoming) -> Result<Bytes, ApiError> {
    let announces_more = body.size_hint().lower() > LARGEST_BODY as u64;
    match Limited::new(&mut body, LARGEST_BODY).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if announces_more || error.is::<LengthLimitError>() => {
            while let Some(Ok(_)) = body.frame().await {}
            Err(ApiError::TooLarge)
        }
        Err(error) => Err(ApiError::Malformed(error.to_string())),
    }
}

pub fn run(request: &Request<Incoming>) -> Result<Option<String>, ApiError> {
    let query = request.uri().query().unwrap_or_default();
    let Some(value) = query.split('&').find_map(|pair| pair.strip_prefix("run=")) else { return Ok(None) };
    let name = percent_decode_str(value).decode_utf8();
    Ok(Some(name.map_err(|error| ApiError::Malformed(error.to_string()))?.into_owned()))
}

pub fn asks_for_stages(request: &Request<Incoming>) -> bool {
    request.uri().query().unwrap_or_default().split('&').any(|pair| pair == "stages")
}
