//! Why a request is not answered as asked.

use hyper::StatusCode;
use thiserror::Error;

use super::limits::{LARGEST_BODY, PATIENCE};
use crate::data::ImageError;
use crate::evaluation::EvaluationError;
use crate::run::RunError;
use crate::text::chain;

/// Why a request is not answered as asked, in words for who sent it.
#[derive(Debug, Error)]
pub enum ApiError {
    /// The bytes are no request.
    #[error("this is no whole HTTP request: {0}")]
    Malformed(String),
    /// The request is for another server, or a page elsewhere has its name point here.
    #[error("this server is not {host}: ask for it by its address, or as localhost")]
    Host {
        /// Who was asked for.
        host: String,
    },
    /// The request comes from a page of another server.
    #[error("pages of {origin} may not use this server")]
    Origin {
        /// Where the page is from.
        origin: String,
    },
    /// There is no such page.
    #[error("there is no {path} here: GET /api/runs and POST /api/predict are the interface, / is the page")]
    Path {
        /// What was asked for.
        path: String,
    },
    /// There is no such run.
    #[error("there is no run {name}: GET /api/runs lists them")]
    NoRun {
        /// What was asked for.
        name: String,
    },
    /// The run has no page.
    #[error("{name} has no report.html: `mnist-burn report` makes it")]
    NoReport {
        /// The run.
        name: String,
    },
    /// The page is there, but not for this method.
    #[error("only {allowed} is answered here")]
    Method {
        /// What would be.
        allowed: &'static str,
    },
    /// The request did not arrive in time.
    #[error("the request took longer than {} s to arrive", PATIENCE.as_secs())]
    Late,
    /// The body is too large.
    #[error("the body is larger than {} MiB", LARGEST_BODY >> 20)]
    TooLarge,
    /// The body is of no kind that is understood.
    #[error("say what is sent: Content-Type must be image/png, image/jpeg or application/json")]
    MediaType,
    /// The body is no list of pixels.
    #[error("the body is no JSON array of whole numbers from 0 (background) to 255 (ink): {0}")]
    Json(#[from] serde_json::Error),
    /// The picture can't be read.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A run's files are damaged, or can't be read.
    #[error("{}", chain(.0))]
    Run(#[from] RunError),
    /// The network gives no answer.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    /// The program has a mistake.
    #[error("this request made the server fail; its terminal says more")]
    Failure,
}

impl ApiError {
    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) | Self::Json(_) | Self::Image(_) => StatusCode::BAD_REQUEST,
            Self::Origin { .. } => StatusCode::FORBIDDEN,
            Self::Path { .. } | Self::NoRun { .. } | Self::NoReport { .. } => StatusCode::NOT_FOUND,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Late => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Host { .. } => StatusCode::MISDIRECTED_REQUEST,
            Self::Run(_) | Self::Evaluation(_) | Self::Failure => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The method that would be answered, if another one was used.
    pub fn allowed(&self) -> Option<&'static str> {
        match self {
            Self::Method { allowed } => Some(allowed),
            _ => None,
        }
    }
}
