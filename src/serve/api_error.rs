//! Errors that a client gets in response to a request.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use axum::{Json, http::StatusCode};
use serde_json::json;
use thiserror::Error;

use crate::{data::ImageError, evaluation::EvaluationError, run::RunError, text::chain};

/// The largest body of a request, in bytes. A larger one is refused while it arrives.
pub const LARGEST_BODY: usize = 4 << 20;
/// How long the head of a request may take to arrive, and then its body.
pub const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Error)]
pub enum ApiError {
    #[error("this is not a valid HTTP request: {0}")]
    Malformed(String),
    #[error("there is no {name} to ask for: the address may have {known}")]
    Query { name: String, known: String },
    /// Perhaps another site has pointed its name to this machine.
    #[error("this server is not {host}: use its address or localhost, or start it with --allow-host {host}")]
    Host { host: String },
    #[error(
        "pages of {origin} may not use this server, unless it is started with --allow-host and the name in that address"
    )]
    Origin { origin: String },
    #[error(
        "there is no {path} here: the page is /, the API is GET /api/runs, POST /api/predict?run=NAME and GET /healthz"
    )]
    Path { path: String },
    #[error("there is no run {name}, or more than one: GET /api/runs lists the runs")]
    NoRun { name: String },
    #[error("{name} has no report.html: create it with `mnist-burn report`")]
    NoReport { name: String },
    #[error("only {allowed} is allowed here")]
    Method { allowed: &'static str },
    #[error("the request took longer than {} s to arrive", PATIENCE.as_secs())]
    Late,
    #[error("the body is larger than {} MiB", LARGEST_BODY >> 20)]
    TooLarge,
    #[error("Content-Type must be image/png, image/jpeg or application/json, or multipart/form-data with a file")]
    MediaType,
    #[error("the form has no file: send a PNG or JPEG image in it, as `curl -F image=@digit.png` does")]
    NoFile,
    #[error("the body is not one flat JSON array of whole numbers, row by row, from 0 (background) to 255 (ink): {0}")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error("{}", chain(.0))]
    Run(#[from] RunError),
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    #[error("this request made the server fail: see its terminal for the reason")]
    Failure,
}

impl IntoResponse for ApiError {
    /// `{"error": "..."}` with the HTTP status.
    fn into_response(self) -> Response {
        let status = match self {
            Self::Malformed(_) | Self::Query { .. } | Self::NoFile | Self::Json(_) | Self::Image(_) => {
                StatusCode::BAD_REQUEST
            }
            Self::Origin { .. } => StatusCode::FORBIDDEN,
            Self::Path { .. } | Self::NoRun { .. } | Self::NoReport { .. } => StatusCode::NOT_FOUND,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Late => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Host { .. } => StatusCode::MISDIRECTED_REQUEST,
            Self::Run(_) | Self::Evaluation(_) | Self::Failure => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, Json(json!({ "error": self.to_string() }))).into_response()
    }
}
