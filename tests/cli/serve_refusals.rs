//! Requests that `mnist-burn serve` refuses, and the error messages.

use std::fs;
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::DEVICE;
use super::predict::test_images;
use super::serve::{form, serve};
use super::served::{Reply, Served, reply, request};
use super::trained::smoke;

/// Sends a request, which must be refused with this status and these words. Returns the response.
#[track_caller]
fn refused(server: &Served, bytes: &[u8], status: u16, words: &str) -> Reply {
    let reply = server.send(bytes);
    let error = reply.error(status);
    assert!(error.contains(words), "{error}");
    reply
}

#[test]
fn unknown_paths_and_runs_are_not_found() {
    let server = serve();
    refused(&server, &request("GET", "/none", "", b""), 404, "there is no /none here: the page is /, the API is GET");
    refused(&server, &request("POST", "/none", "", b"much"), 404, "there is no /none here");
    for run in ["none", "..", "../..", "/", "", "%2e%2e/x", "%00", "a%2f..%2fb"] {
        for path in ["/api/predict", "/report"] {
            let method = if path == "/report" { "GET" } else { "POST" };
            refused(&server, &request(method, &format!("{path}?run={run}"), "", b""), 404, "there is no run ");
        }
    }
    refused(&server, &request("GET", "/report?run=%ff", "", b""), 400, "invalid utf-8");
    let words = "there is no model to ask for: the address may have run";
    refused(&server, &request("GET", "/report?model=x", "", b""), 400, words);
    refused(
        &server,
        &request("POST", "/api/predict?run=x&model=x", "", b""),
        400,
        "the address may have run and stages",
    );
}

#[test]
fn run_without_a_report_is_answered_with_how_to_write_it() {
    let runs = tempfile::tempdir().unwrap();
    smoke().copy_to(&runs.path().join("bare"));
    fs::remove_file(runs.path().join("bare/report.html")).unwrap();
    let server = Served::start(runs.path(), DEVICE, &[]);
    let words = "bare has no report.html: create it with `mnist-burn report`";
    refused(&server, &request("GET", "/report", "", b""), 404, words);
}

#[test]
fn damaged_run_is_answered_with_the_damaged_file() {
    let runs = tempfile::tempdir().unwrap();
    smoke().copy_to(&runs.path().join("sound"));
    let server = Served::start(runs.path(), DEVICE, &[]);
    smoke().copy_to(&runs.path().join("damaged"));
    fs::write(runs.path().join("damaged/best.safetensors"), "?").unwrap();
    let error = server.predict(Some("damaged"), "image/png", b"").error(500);
    assert!(error.contains("best.safetensors is not the file that the run wrote"), "{error}");
}

#[test]
fn network_with_nan_weights_is_reported() {
    let copy = super::errors::with_nan_weight();
    let server = Served::start(copy.path(), DEVICE, &[copy.path().to_str().unwrap()]);
    let body = json!(&test_images()[..784]).to_string();
    let error = server.predict(None, "application/json", body.as_bytes()).error(500);
    assert!(error.contains("the model's output is NaN or infinite"), "{error}");
}

#[test]
fn methods_that_are_not_allowed_are_answered_with_the_right_one() {
    let server = serve();
    for path in ["/", "/page.js", "/api/runs", "/report"] {
        let reply = refused(&server, &request("POST", path, "", b""), 405, "only GET is allowed here");
        assert!(reply.head.contains("\r\nallow: GET\r\n"), "{}", reply.head);
    }
    for method in ["GET", "PUT", "OPTIONS", "BREW"] {
        let bytes = request(method, "/api/predict", "", b"");
        let reply = refused(&server, &bytes, 405, "only POST is allowed here");
        assert!(reply.head.contains("\r\nallow: POST\r\n"), "{}", reply.head);
    }
}

#[test]
fn bodies_that_are_not_an_image_are_refused_with_the_reason() {
    let server = serve();
    let body = |kind, body: &[u8], status, words: &str| {
        let error = server.predict(None, kind, body).error(status);
        assert!(error.contains(words), "{error}");
    };
    body("image/gif", b"GIF89a", 415, "Content-Type must be image/png, image/jpeg or application/json");
    body("application/x-www-form-urlencoded", b"1", 415, "Content-Type must be");
    body("image/png", b"", 400, "not a readable PNG or JPEG image");
    body("image/png", b"no picture", 400, "not a readable PNG or JPEG image");
    body(
        "application/json",
        b"",
        400,
        "the body is not one flat JSON array of whole numbers, row by row, from 0 (background) to 255 (ink)",
    );
    body("application/json", b"[0, 0.5]", 400, "invalid type: floating point `0.5`");
    body("application/json", b"[0, 256]", 400, "invalid value: integer `256`");
    body("application/json", b"[1, 2, 3]", 400, "the image has 3 pixels, not 784");
}

#[test]
fn forms_without_an_image_are_refused_with_the_reason() {
    let server = serve();
    let send = |body: &[u8], status, words: &str| {
        let error = server.predict(None, "multipart/form-data; boundary=edge", body).error(status);
        assert!(error.contains(words), "{error}");
    };
    let no_file = "the form has no file: send a PNG or JPEG image in it, as `curl -F image=@digit.png` does";
    send(&form(&[]), 400, no_file);
    send(&form(&[("name=\"image\"", b"digit.png"), ("name=\"none\"; filename=\"\"", b"")]), 400, no_file);
    let file = "name=\"image\"; filename=\"digit.png\"";
    send(&form(&[(file, b"no picture")]), 400, "not a readable PNG or JPEG image");
    send(&form(&[(file, &vec![0; 5 << 20])]), 413, "the body is larger than 4 MiB");
    let whole = form(&[(file, b"cut")]);
    let malformed = "this is not a valid HTTP request: Error parsing `multipart/form-data` request";
    send(&whole[..whole.len() - 9], 400, malformed);
    send(b"no form", 400, malformed);
    let error = server.predict(None, "multipart/form-data", &whole).error(400);
    assert!(error.contains("Invalid `boundary` for `multipart/form-data` request"), "{error}");
}

#[test]
fn images_that_decompress_to_enormous_ones_are_refused() {
    let server = serve();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("white.png");
    image::GrayImage::from_pixel(9_000, 9_000, image::Luma([255])).save(&path).unwrap();
    let bomb = fs::read(&path).unwrap();
    assert!(bomb.len() < 1 << 20, "81 million pixels in {} bytes", bomb.len());
    let error = server.predict(None, "image/png", &bomb).error(400);
    assert!(error.contains("not a readable PNG or JPEG image") && error.contains("exceeds limit"), "{error}");
}

#[test]
fn large_requests_are_refused() {
    let server = serve();
    let announced = "POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n\
                     Content-Length: 99999999999\r\n\r\n";
    refused(&server, announced.as_bytes(), 413, "the body is larger than 4 MiB");
    // The server refuses while the client is still sending. The client must receive the reason anyway.
    refused(&server, &request("POST", "/api/predict", "Content-Type: image/png", &vec![0; 8 << 20]), 413, "4 MiB");
    for fields in [format!("X: {}", "x".repeat(20_000)), "X: x\r\n".repeat(200)] {
        let reply = server.send(&request("GET", "/", &fields, b""));
        assert!(reply.head.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"), "{}", reply.head);
    }
}

#[test]
fn malformed_requests_are_refused() {
    let server = serve();
    let malformed = |bytes: &[u8], words: &str| refused(&server, bytes, 400, words);
    malformed(b"GET / HTTP/1.1\r\n\r\n", "it has no Host");
    malformed(b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", "it has several host");
    let head = "POST /api/predict HTTP/1.1\r\nHost: localhost\r\n";
    let cut = format!("{head}Content-Type: image/png\r\nContent-Length: 9\r\n\r\n123");
    malformed(cut.as_bytes(), "this is not a valid HTTP request: ");
    let nonsense = |bytes: &[u8]| {
        let reply = server.send(bytes);
        assert!(reply.head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{bytes:?}: {}", reply.head);
    };
    nonsense(b"what?\r\n\r\n");
    for length in ["-1", "+1", "1x", "99999999999999999999999"] {
        nonsense(format!("{head}Content-Length: {length}\r\n\r\n").as_bytes());
    }
    nonsense(format!("{head}Content-Length: 1\r\nContent-Length: 2\r\n\r\n").as_bytes());
    assert_eq!(server.send(&head.as_bytes()[..20]).status, 0, "an incomplete head gets no response");
}

#[test]
fn requests_for_other_hosts_and_from_other_origins_are_refused() {
    let server = serve();
    let get = |host: &str| format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes();
    refused(&server, &get("example.org"), 421, "this server is not example.org: use its address or localhost");
    refused(&server, &get("192.168.1.7"), 421, "this server is not 192.168.1.7");
    assert_eq!(server.send(&get(&server.address.to_string())).status, 200);

    let post = |origin: &str| {
        let fields = format!("Content-Type: application/json\r\nOrigin: {origin}");
        request("POST", "/api/predict", &fields, b"[]")
    };
    for origin in ["http://example.org", "null", "https://localhost", "http://localhost:81"] {
        refused(&server, &post(origin), 403, &format!("pages of {origin} may not use this server"));
    }
    refused(&server, &post("http://localhost"), 400, "the image has 0 pixels");
}

#[test]
fn server_is_exposed_to_other_machines_only_with_a_warning() {
    // The loopback address, so that the test exposes nothing.
    let server = Served::start(smoke().run.parent().unwrap(), DEVICE, &["--expose", "127.0.0.1"]);
    let warning = "warning: whoever can reach 127.0.0.1 can use the networks and read the runs and their reports";
    assert!(server.stderr_text().contains(warning), "{}", server.stderr_text());
    let get = |host: &str| format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes();
    assert_eq!(server.send(&get("192.168.1.7:8000")).status, 200);
    refused(&server, &get("example.org"), 421, "this server is not example.org");
}

#[test]
fn slow_senders_are_given_up_and_do_not_delay_others() {
    let server = serve();
    let started = Instant::now();
    let slow = [
        "GET / HT",
        "POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 9\r\n\r\n1",
    ]
    .map(|start| {
        let mut stream = server.connect();
        stream.write_all(start.as_bytes()).unwrap();
        stream
    });
    assert_eq!(server.get("/").status, 200);
    assert!(started.elapsed().as_secs() < 5, "others do not wait");
    let [head, body] = slow.map(reply);
    assert_eq!(head.status, 0, "an incomplete head gets no response");
    let error = body.error(408);
    assert!(error.contains("the request took longer than 10 s to arrive"), "{error}");
}

#[test]
fn connections_beyond_the_limit_wait_until_others_close() {
    let server = serve();
    let mut held: Vec<_> = (0..100).map(|_| server.connect()).collect();
    thread::scope(|scope| {
        let late = scope.spawn(|| server.get("/").status);
        thread::sleep(Duration::from_millis(200));
        assert!(!late.is_finished(), "all connections are taken");
        held.truncate(50);
        assert_eq!(late.join().unwrap(), 200);
    });
}
