//! Routes each request and answers it.

use std::{fs, io::Cursor, sync::Arc};

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::Uri;
use axum::http::header::{self, ALLOW, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use base64::{Engine, prelude::BASE64_STANDARD};
use image::{DynamicImage, ImageFormat};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::{sync::OwnedSemaphorePermit, task::spawn_blocking, time::timeout};

use super::api_error::{ApiError, LARGEST_BODY, PATIENCE};
use super::request::{Hosts, asked, check, field, file, whole};
use super::run_registry::{NamedRun, RunRegistry};
use crate::data::prepare::{self, Doubt, Limits};
use crate::{evaluation::Probabilities, run::RunFolder};

/// The longest side of a stage's picture on the page, in pixels.
const LARGEST_STAGE: u32 = 200;
/// What the server's own page may load and do: its style and script, its images, and requests to this server.
const OURS: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// What a report may do, which anyone may have written: only show itself.
const REPORT: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'";

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
    stages: Vec<Value>,
}

pub fn router(runs: RunRegistry, hosts: Hosts) -> Router {
    let only = |allowed| move || async move { ([(ALLOW, allowed)], ApiError::Method { allowed }) };
    let (css, js) = ([(CONTENT_TYPE, "text/css; charset=utf-8")], [(CONTENT_TYPE, "text/javascript; charset=utf-8")]);
    let read = Router::new()
        .route("/", get(Html(include_str!("page/page.html"))))
        .route("/page.css", get((css, include_str!("page/page.css"))))
        .route("/page.js", get((js, include_str!("page/page.js"))))
        .route("/healthz", get(async || Json(json!({ "status": "ok" }))))
        .route("/api/runs", get(list))
        .route("/report", get(report))
        .method_not_allowed_fallback(only("GET"));
    let sent = Router::new().route("/api/predict", post(predict)).method_not_allowed_fallback(only("POST"));
    read.merge(sent)
        .fallback(async |address: Uri| ApiError::Path { path: address.path().into() })
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(from_fn_with_state(Arc::new(hosts), check))
        .layer(map_response(secure))
        .with_state(Arc::new(runs))
}

/// Tells the browser what it may do with a response, unless the response has its own such headers.
async fn secure(mut response: Response) -> Response {
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, OURS),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

async fn list(State(runs): State<Arc<RunRegistry>>) -> Result<Response, ApiError> {
    blocking(move || Ok(([(CONTENT_TYPE, "application/json")], runs.list()?).into_response())).await
}

async fn report(State(runs): State<Arc<RunRegistry>>, address: Uri) -> Result<Response, ApiError> {
    let [run] = asked(&address, ["run"])?;
    blocking(move || {
        let NamedRun { name, path } = runs.find(run.as_deref())?;
        let page = fs::read(path.join(RunFolder::REPORT)).map_err(|_| ApiError::NoReport { name })?;
        Ok(([(CONTENT_SECURITY_POLICY, REPORT)], Html(page)).into_response())
    })
    .await
}

/// Classifies an image. `connection` is free for another client only once its body has been handled, even if its client
/// has gone: so few bodies are in memory, and none waits for another one.
async fn predict(
    State(runs): State<Arc<RunRegistry>>,
    Extension(connection): Extension<Arc<OwnedSemaphorePermit>>,
    request: Request,
) -> Result<Response, ApiError> {
    let (head, body) = request.into_parts();
    let asked = asked(&head.uri, ["run", "stages"]);
    let kind = field(&head.headers, CONTENT_TYPE)?.unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let mut body = timeout(PATIENCE, whole(body)).await.map_err(|_| ApiError::Late)??;
    // Clients read a refusal only after they have sent all.
    let [run, stages] = asked?;
    if kind == "multipart/form-data" {
        body = file(Request::from_parts(head, body.into())).await?;
    }
    blocking(move || {
        let _connection = connection;
        let NamedRun { name, path } = runs.find(run.as_deref())?;
        let classifier = runs.load(&path)?;
        let size @ [height, width] = classifier.size;
        let prepared = match kind.as_str() {
            "application/json" => prepare::prepare_pixels(serde_json::from_slice(&body)?, size, &classifier.look)?,
            "image/png" | "image/jpeg" | "image/jpg" | "multipart/form-data" => {
                prepare::prepare(&body, size, &classifier.look, Limits::REQUEST)?
            }
            _ => return Err(ApiError::MediaType),
        };
        let classified = classifier.classify(&[&prepared.pixels])?;
        let probabilities = classified.into_iter().next().ok_or(ApiError::Failure)?;
        let best = probabilities.best();
        let class = classifier.names[best].as_str();
        let answer = Answer {
            run: name,
            class,
            digit: class.parse().ok(),
            classes: &classifier.names,
            warnings: prepared.warnings(probabilities.0[best]),
            probabilities,
            height,
            width,
            pixels: prepared.pixels,
            stages: prepared.stages.into_iter().filter(|_| stages.is_some()).map(stage).collect::<Result<_, _>>()?,
        };
        Ok(Json(answer).into_response())
    })
    .await
}

fn stage((name, picture): (&'static str, DynamicImage)) -> Result<Value, ApiError> {
    let is_large = picture.width().max(picture.height()) > LARGEST_STAGE;
    let shown = if is_large { picture.thumbnail(LARGEST_STAGE, LARGEST_STAGE) } else { picture };
    let mut png = Cursor::new(vec![]);
    shown.write_to(&mut png, ImageFormat::Png).map_err(|_| ApiError::Failure)?;
    let picture = format!("data:image/png;base64,{}", BASE64_STANDARD.encode(png.get_ref()));
    Ok(json!({ "name": name, "picture": picture }))
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
        assert_eq!(error.into_response().status(), 500);
    }
}
