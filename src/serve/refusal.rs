//! Why a request is not answered as asked.

use thiserror::Error;

use super::connection::{LARGEST_BODY, LARGEST_HEAD, MOST_CONNECTIONS, PATIENCE};
use super::response::Response;
use crate::error::chain;
use crate::evaluation::EvaluationError;
use crate::picture::PictureError;
use crate::run::RunError;

/// Why a request is not answered as asked, in words for who sent it.
#[derive(Debug, Error)]
pub enum Refusal {
    /// The bytes are no request.
    #[error("this is no HTTP/1.1 request: {0}")]
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
    /// Nothing says where the body ends, until it does.
    #[error("a body needs a Content-Length")]
    Unsized,
    /// The body is too large.
    #[error("the body is larger than {} MiB", LARGEST_BODY >> 20)]
    TooLarge,
    /// The body is of no kind that is understood.
    #[error("say what is sent: Content-Type must be image/png, image/jpeg or application/json")]
    MediaType,
    /// The request's head is too large.
    #[error("the request's head is larger than {} KiB, or has too many fields", LARGEST_HEAD >> 10)]
    Head,
    /// The body is no list of pixels.
    #[error("the body is no JSON array of whole numbers from 0 (background) to 255 (ink): {0}")]
    Json(#[from] serde_json::Error),
    /// The picture can't be read.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// Too many connections are open.
    #[error("{MOST_CONNECTIONS} connections are open already: try again later")]
    Busy,
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

impl Refusal {
    /// The HTTP status.
    fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) | Self::Json(_) | Self::Picture(_) => 400,
            Self::Origin { .. } => 403,
            Self::Path { .. } | Self::NoRun { .. } | Self::NoReport { .. } => 404,
            Self::Method { .. } => 405,
            Self::Late => 408,
            Self::Unsized => 411,
            Self::TooLarge => 413,
            Self::MediaType => 415,
            Self::Host { .. } => 421,
            Self::Head => 431,
            Self::Run(_) | Self::Evaluation(_) | Self::Failure => 500,
            Self::Busy => 503,
        }
    }
}

impl From<Refusal> for Response {
    fn from(refusal: Refusal) -> Self {
        let allowed = match refusal {
            Refusal::Method { allowed } => Some(allowed),
            _ => None,
        };
        Self::error(refusal.status(), allowed, &refusal.to_string())
    }
}
