//! What is answered to each request.

use std::panic::{AssertUnwindSafe, catch_unwind};

use percent_encoding::percent_decode_str;
use serde::Serialize;

use super::caller;
use super::connection::Request;
use super::refusal::Refusal;
use super::response::Response;
use super::runs::Runs;
use crate::evaluation::Probabilities;
use crate::picture::{self, Limits};

/// What answers.
#[derive(Debug)]
pub struct Service {
    runs: Runs,
    /// Whether other machines may ask.
    is_exposed: bool,
}

/// What `POST /api/predict` answers.
#[derive(Debug, Serialize)]
struct Answer {
    run: String,
    digit: usize,
    probabilities: Probabilities,
    height: usize,
    width: usize,
    /// What the network saw, row by row.
    pixels: Vec<u8>,
}

impl Service {
    /// A service with these runs, for other machines too where it `is_exposed`.
    pub fn new(runs: Runs, is_exposed: bool) -> Self {
        Self { runs, is_exposed }
    }

    /// The answer to a request, whatever happens.
    pub fn answer(&self, request: &mut Request) -> Response {
        guarded(|| self.route(request))
    }

    fn route(&self, request: &mut Request) -> Result<Response, Refusal> {
        caller::check(request, self.is_exposed)?;
        let is_read = matches!(request.method.as_str(), "GET" | "HEAD");
        match request.path.as_str() {
            "/api/predict" if request.method == "POST" => self.predict(request),
            "/api/predict" => Err(Refusal::Method { allowed: "POST" }),
            "/" | "/page.css" | "/page.js" | "/api/runs" | "/report" if !is_read => {
                Err(Refusal::Method { allowed: "GET" })
            }
            "/" => Ok(Response::new("text/html; charset=utf-8", include_bytes!("page/page.html"))),
            "/page.css" => Ok(Response::new("text/css; charset=utf-8", include_bytes!("page/page.css"))),
            "/page.js" => Ok(Response::new("text/javascript; charset=utf-8", include_bytes!("page/page.js"))),
            "/api/runs" => Response::json(&self.runs.list()?),
            "/report" => Ok(Response::report(self.runs.report(run(request)?.as_deref())?)),
            path => Err(Refusal::Path { path: path.into() }),
        }
    }

    fn predict(&self, request: &mut Request) -> Result<Response, Refusal> {
        let (run, reader) = self.runs.reader(run(request)?.as_deref())?;
        let kind = request.field("content-type")?.unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let is_json = match kind.as_str() {
            "application/json" => true,
            "image/png" | "image/jpeg" => false,
            _ => return Err(Refusal::MediaType),
        };
        let body = request.body()?;
        let size @ [height, width] = reader.size();
        // In rayon's pool, as many at a time as there are processors: a picture is large when it is unpacked.
        let (pixels, read) = rayon::scope(|_| {
            let pixels = match is_json {
                true => picture::prepare_pixels(serde_json::from_slice(&body)?, size)?,
                false => picture::prepare(&body, size, Limits::REQUEST)?,
            };
            let read = reader.read(&[&pixels])?;
            Ok::<_, Refusal>((pixels, read))
        })?;
        let probabilities = read.into_iter().next().ok_or(Refusal::Failure)?;
        let digit = probabilities.best();
        Response::json(&Answer { run, digit, probabilities, height, width, pixels })
    }
}

/// The answer, also where the program panics, which says so on stderr.
fn guarded(answer: impl FnOnce() -> Result<Response, Refusal>) -> Response {
    catch_unwind(AssertUnwindSafe(answer)).unwrap_or(Err(Refusal::Failure)).unwrap_or_else(Response::from)
}

/// The run that the query names, if it does.
fn run(request: &Request) -> Result<Option<String>, Refusal> {
    let Some(value) = request.query.split('&').find_map(|pair| pair.strip_prefix("run=")) else { return Ok(None) };
    let name = percent_decode_str(value).decode_utf8();
    Ok(Some(name.map_err(|error| Refusal::Malformed(error.to_string()))?.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_of_the_program_is_answered_and_shows_nothing() {
        let response = guarded(|| panic!("a secret")).to_bytes(true, false);
        let text = String::from_utf8(response).unwrap();
        assert!(text.starts_with("HTTP/1.1 500 Internal Server Error\r\n"), "{text}");
        assert!(text.contains("this request made the server fail; its terminal says more"), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
}
