//! Routes each request and answers it.

use std::convert::Infallible;
use std::io::Cursor;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Request};
use image::{DynamicImage, ImageFormat};
use serde::Serialize;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::api_error::{ApiError, PATIENCE};
use super::origin::Hosts;
use super::request::{asks_for_stages, field, run, whole};
use super::response::{self, Response};
use super::run_registry::{NamedRun, RunRegistry};
use crate::data::prepare::{self, Doubt, Limits};
use crate::evaluation::Probabilities;

/// The longest side of a stage's picture on the page, in pixels.
const LARGEST_STAGE: u32 = 200;

#[derive(Debug)]
pub struct Service {
    pub runs: RunRegistry,
    pub hosts: Hosts,
    /// Permits for bodies in memory. A body counts until it has been handled, even if its client has gone.
    pub free: Arc<Semaphore>,
}

#[derive(Debug, Serialize)]
struct Answer<'a> {
    run: String,
    class: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    digit: Option<u64>,
    classes: &'a [String],
    probabilities: Probabilities,
    warnings: Vec<Doubt>,
    height: usize,
    width: usize,
    pixels: Vec<u8>,
    /// What each stage of the preparation made, if the query asks for `stages`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stages: Vec<Stage>,
}

#[derive(Debug, Serialize)]
struct Stage {
    name: &'static str,
    picture: String,
}

impl Service {
    pub async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response, Infallible> {
        Ok(self.route(request).await.unwrap_or_else(|error| response::refusal(&error)))
    }

    async fn route(self: Arc<Self>, request: Request<Incoming>) -> Result<Response, ApiError> {
        self.hosts.check(request.headers())?;
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        match request.uri().path() {
            "/api/predict" if request.method() == Method::POST => self.predict(request).await,
            "/api/predict" => Err(ApiError::Method { allowed: "POST" }),
            "/" | "/page.css" | "/page.js" | "/healthz" | "/api/runs" | "/report" if !is_read => {
                Err(ApiError::Method { allowed: "GET" })
            }
            "/" => Ok(response::of("text/html; charset=utf-8", include_str!("page/page.html"))),
            "/page.css" => Ok(response::of("text/css; charset=utf-8", include_str!("page/page.css"))),
            "/page.js" => Ok(response::of("text/javascript; charset=utf-8", include_str!("page/page.js"))),
            "/healthz" => response::json(&json!({ "status": "ok" })),
            "/api/runs" => blocking(move || response::json(&self.runs.list()?)).await,
            "/report" => {
                let named = self.runs.find(run(&request)?.as_deref())?;
                blocking(move || Ok(response::report(self.runs.report(named)?))).await
            }
            path => Err(ApiError::Path { path: path.into() }),
        }
    }

    async fn predict(self: Arc<Self>, request: Request<Incoming>) -> Result<Response, ApiError> {
        let NamedRun { name, path } = self.runs.find(run(&request)?.as_deref())?;
        let with_stages = asks_for_stages(&request);
        let kind = field(request.headers(), CONTENT_TYPE)?.unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let is_json = match kind.as_str() {
            "application/json" => true,
            "image/png" | "image/jpeg" | "image/jpg" => false,
            _ => return Err(ApiError::MediaType),
        };
        let permit = Arc::clone(&self.free).acquire_owned().await.map_err(|_| ApiError::Failure)?;
        let body = timeout(PATIENCE, whole(request.into_body())).await.map_err(|_| ApiError::Late)??;
        blocking(move || {
            let _permit = permit;
            let classifier = self.runs.load(&path)?;
            let size @ [height, width] = classifier.size;
            let prepared = match is_json {
                true => prepare::prepare_pixels(serde_json::from_slice(&body)?, size, &classifier.look)?,
                false => prepare::prepare(&body, size, &classifier.look, Limits::REQUEST)?,
            };
            let classified = classifier.classify(&[&prepared.pixels])?;
            let probabilities = classified.into_iter().next().ok_or(ApiError::Failure)?;
            let best = probabilities.best();
            let class = classifier.names[best].as_str();
            response::json(&Answer {
                run: name,
                class,
                digit: class.parse().ok(),
                classes: &classifier.names,
                warnings: prepared.warnings(probabilities.0[best]),
                probabilities,
                height,
                width,
                pixels: prepared.pixels,
                stages: prepared.stages.into_iter().filter(|_| with_stages).map(stage).collect::<Result<_, _>>()?,
            })
        })
        .await
    }
}

fn stage((name, picture): (&'static str, DynamicImage)) -> Result<Stage, ApiError> {
    let shown = if picture.width().max(picture.height()) > LARGEST_STAGE {
        picture.thumbnail(LARGEST_STAGE, LARGEST_STAGE)
    } else {
        picture
    };
    let mut png = Cursor::new(vec![]);
    shown.write_to(&mut png, ImageFormat::Png).map_err(|_| ApiError::Failure)?;
    Ok(Stage { name, picture: format!("data:image/png;base64,{}", BASE64_STANDARD.encode(png.get_ref())) })
}

/// Runs slow work on a thread for blocking work. A panic, which is reported on stderr, becomes [`ApiError::Failure`].
async fn blocking(answer: impl FnOnce() -> Result<Response, ApiError> + Send + 'static) -> Result<Response, ApiError> {
    spawn_blocking(answer).await.unwrap_or(Err(ApiError::Failure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panic_is_answered_without_its_message() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let error = runtime.block_on(blocking(|| panic!("a secret"))).unwrap_err();
        assert_eq!(error.to_string(), "this request made the server fail: see its terminal for the reason");
        assert_eq!(response::refusal(&error).status(), 500);
    }
}
