//! What is answered to each request.

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderName};
use hyper::{HeaderMap, Method, Request};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::refusal::Refusal;
use super::response::Response;
use super::runs::{Place, Runs};
use super::{LARGEST_BODY, MOST_CONNECTIONS, PATIENCE, caller};
use crate::evaluation::Probabilities;
use crate::picture::{self, Limits};

/// What answers.
#[derive(Debug)]
pub struct Service {
    runs: Runs,
    /// Whether other machines may ask.
    is_exposed: bool,
    /// Bodies that may be in memory at a time: that of a client that has gone is still one until its turn comes.
    free: Arc<Semaphore>,
}

/// What `POST /api/predict` answers.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    run: String,
    /// What the class is called.
    class: &'a str,
    /// The same, where that is a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    digit: Option<u64>,
    /// The names of all classes, in the order of the probabilities.
    classes: &'a [String],
    probabilities: Probabilities,
    height: usize,
    width: usize,
    /// What the network saw, row by row.
    pixels: Vec<u8>,
}

impl Service {
    /// A service with these runs, for other machines too where it `is_exposed`.
    pub fn new(runs: Runs, is_exposed: bool) -> Self {
        Self { runs, is_exposed, free: Arc::new(Semaphore::new(MOST_CONNECTIONS)) }
    }

    /// The answer to a request, whatever happens.
    pub async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
        Ok(self.route(request).await.unwrap_or_else(Response::from).into())
    }

    async fn route(self: Arc<Self>, request: Request<Incoming>) -> Result<Response, Refusal> {
        caller::check(request.headers(), self.is_exposed)?;
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        match request.uri().path() {
            "/api/predict" if request.method() == Method::POST => self.predict(request).await,
            "/api/predict" => Err(Refusal::Method { allowed: "POST" }),
            "/" | "/page.css" | "/page.js" | "/api/runs" | "/report" if !is_read => {
                Err(Refusal::Method { allowed: "GET" })
            }
            "/" => Ok(Response::new("text/html; charset=utf-8", include_bytes!("page/page.html"))),
            "/page.css" => Ok(Response::new("text/css; charset=utf-8", include_bytes!("page/page.css"))),
            "/page.js" => Ok(Response::new("text/javascript; charset=utf-8", include_bytes!("page/page.js"))),
            "/api/runs" => blocking(move || Response::json(&self.runs.list()?)).await,
            "/report" => {
                let place = self.runs.find(run(&request)?.as_deref())?;
                blocking(move || Ok(Response::report(self.runs.report(place)?))).await
            }
            path => Err(Refusal::Path { path: path.into() }),
        }
    }

    async fn predict(self: Arc<Self>, request: Request<Incoming>) -> Result<Response, Refusal> {
        let Place { name, path } = self.runs.find(run(&request)?.as_deref())?;
        let kind = field(request.headers(), CONTENT_TYPE)?.unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let is_json = match kind.as_str() {
            "application/json" => true,
            "image/png" | "image/jpeg" => false,
            _ => return Err(Refusal::MediaType),
        };
        let place = Arc::clone(&self.free).acquire_owned().await.map_err(|_| Refusal::Failure)?;
        let body = timeout(PATIENCE, whole(request.into_body())).await.map_err(|_| Refusal::Late)??;
        blocking(move || {
            let _place = place;
            let reader = self.runs.load(&path)?;
            let size @ [height, width] = reader.size();
            let pixels = match is_json {
                true => picture::prepare_pixels(serde_json::from_slice(&body)?, size)?,
                false => picture::prepare(&body, size, Limits::REQUEST)?,
            };
            let read = reader.read(&[&pixels])?;
            let probabilities = read.into_iter().next().ok_or(Refusal::Failure)?;
            let classes = reader.names();
            let class = classes[probabilities.best()].as_str();
            let digit = class.parse().ok();
            Response::json(&Answer { run: name, class, digit, classes, probabilities, height, width, pixels })
        })
        .await
    }
}

/// The answer of what takes its time, on a thread for that; also where it panics, which says so on stderr.
async fn blocking(answer: impl FnOnce() -> Result<Response, Refusal> + Send + 'static) -> Result<Response, Refusal> {
    spawn_blocking(answer).await.unwrap_or(Err(Refusal::Failure))
}

/// The body of a request. What a client still sends of one that is too large is read and thrown away: it would not listen
/// before that.
async fn whole(mut body: Incoming) -> Result<Vec<u8>, Refusal> {
    let mut is_too_large = body.size_hint().lower() > LARGEST_BODY as u64;
    let mut whole = vec![];
    while let Some(frame) = body.frame().await {
        let data = match frame {
            Ok(frame) => frame.into_data().unwrap_or_default(),
            Err(_) if is_too_large => break,
            Err(error) => return Err(Refusal::Malformed(error.to_string())),
        };
        is_too_large |= whole.len() + data.len() > LARGEST_BODY;
        if !is_too_large {
            whole.extend_from_slice(&data);
        }
    }
    if is_too_large { Err(Refusal::TooLarge) } else { Ok(whole) }
}

/// The value of a field of a request's head.
///
/// # Errors
/// If there are several, or it is no text.
pub fn field(fields: &HeaderMap, name: HeaderName) -> Result<Option<&str>, Refusal> {
    let mut values = fields.get_all(&name).iter();
    let (value, other) = (values.next(), values.next());
    if other.is_some() {
        return Err(Refusal::Malformed(format!("it has several {name}")));
    }
    let text = |error: hyper::header::ToStrError| Refusal::Malformed(format!("{name}: {error}"));
    value.map(|value| value.to_str().map_err(text)).transpose()
}

/// The run that the query names, if it does.
fn run(request: &Request<Incoming>) -> Result<Option<String>, Refusal> {
    let query = request.uri().query().unwrap_or_default();
    let Some(value) = query.split('&').find_map(|pair| pair.strip_prefix("run=")) else { return Ok(None) };
    let name = percent_decode_str(value).decode_utf8();
    Ok(Some(name.map_err(|error| Refusal::Malformed(error.to_string()))?.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_of_the_program_is_answered_and_shows_nothing() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let refusal = runtime.block_on(blocking(|| panic!("a secret"))).unwrap_err();
        assert_eq!(refusal.to_string(), "this request made the server fail; its terminal says more");
        let response: hyper::Response<Full<Bytes>> = Response::from(refusal).into();
        assert_eq!(response.status(), 500);
    }
}
