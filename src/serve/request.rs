//! The parts of a request: its headers, what its query asks for, and its body.

use std::fmt::Display;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::header::HeaderName;
use axum::http::{HeaderMap, Uri};
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

/// The value of a name in the query: empty if there is only the name.
pub fn asked(address: &Uri, name: &str) -> Result<Option<String>, ApiError> {
    let pairs = address.query().unwrap_or_default().split('&');
    let mut pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let value = pairs.find(|(key, _)| *key == name).map(|(_, value)| percent_decode_str(value).decode_utf8());
    Ok(value.transpose().map_err(malformed)?.map(String::from))
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
