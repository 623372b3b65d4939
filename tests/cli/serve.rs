//! `mnist-burn serve`: the page, its interface, and what it refuses.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::predict::{test_images, write};
use super::served::{Reply, Served, reply, request};
use super::trained::smoke;
use super::{DEVICE, failure, program, stdout};

/// Serves the smoke run.
fn serve() -> Served {
    Served::start(smoke().run.parent().unwrap(), DEVICE, &[])
}

/// The smoke run's name.
fn name() -> String {
    smoke().run.file_name().unwrap().to_str().unwrap().into()
}

#[test]
fn pictures_and_pixels_are_read_as_predict_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let paths = write(0..20, folder.path());
    let json = stdout(program().arg("predict").arg(&smoke().run).args(&paths).args(["--json", "--device", DEVICE]));
    let server = serve();
    let pixels = test_images();
    for (index, expected) in serde_json::from_str::<Vec<Value>>(&json).unwrap().iter().enumerate() {
        let pixels = &pixels[index * 784..][..784];
        let png = server.predict(None, "image/png", &fs::read(&paths[index]).unwrap()).json();
        assert_eq!((&png["run"], &png["height"], &png["width"]), (&json!(name()), &json!(28), &json!(28)));
        assert_eq!(png["pixels"], json!(pixels), "a prepared image passes unchanged");
        assert_eq!((&png["class"], &png["digit"]), (&expected["class"], &expected["digit"]));
        for (share, expected) in shares(&png).iter().zip(shares(expected)) {
            assert!((share - expected).abs() < 1e-6, "{png} {expected}");
        }
        let body = json!(pixels).to_string();
        let numbers = server.predict(Some(&name()), "application/json; charset=utf-8", body.as_bytes()).json();
        assert_eq!(numbers, png);
    }
}

fn shares(answer: &Value) -> Vec<f64> {
    answer["probabilities"].as_array().unwrap().iter().map(|share| share.as_f64().unwrap()).collect()
}

#[test]
fn runs_are_listed_and_one_that_comes_later_is_found() {
    let runs = tempfile::tempdir().unwrap();
    smoke().copy_to(&runs.path().join("first"));
    let server = Served::start(runs.path(), DEVICE, &[]);
    assert_eq!(server.get("/api/runs").json().as_array().unwrap().len(), 1);
    assert!(server.said().contains("first reads what is drawn there"), "{}", server.said());

    smoke().copy_to(&runs.path().join("sweep/second run"));
    fs::write(runs.path().join("sweep/second run/evaluation.json"), "?").unwrap();
    fs::remove_file(runs.path().join("sweep/second run/report.html")).unwrap();
    let listed = server.get("/api/runs").json();
    let [second, first] = &listed.as_array().unwrap()[..] else { panic!("{listed}") };
    assert_eq!((&first["run"], &first["default"], &first["report"]), (&json!("first"), &json!(true), &json!(true)));
    assert_eq!((&first["status"], &first["config"]), (&json!("finished"), &json!("smoke")));
    assert_eq!((&second["run"], &second["default"]), (&json!("sweep/second run"), &json!(false)));
    assert_eq!((&second["model"], &second["report"]), (&json!(true), &json!(false)));
    assert!(second["error"].as_str().unwrap().contains("evaluation.json is damaged"), "{second}");

    let body = json!(&test_images()[..784]).to_string();
    let read = server.predict(Some("sweep%2Fsecond%20run"), "application/json", body.as_bytes()).json();
    assert_eq!((&read["run"], &read["digit"]), (&json!("sweep/second run"), &json!(7)));
}

#[test]
fn a_run_that_was_trained_on_is_read_anew() {
    let runs = tempfile::tempdir().unwrap();
    let run = runs.path().join("run");
    smoke().copy_to(&run);
    let server = Served::start(runs.path(), DEVICE, &[]);
    let body = json!(&test_images()[..784]).to_string();
    let predict = || shares(&server.predict(None, "application/json", body.as_bytes()).json());
    let before = predict();
    stdout(program().arg("resume").arg(&run).args(["--device", DEVICE, "--set", "training.epochs=5"]));
    assert_ne!(predict(), before);
}

#[test]
fn a_run_from_elsewhere_is_served_beside_those_of_the_folder() {
    let empty = tempfile::tempdir().unwrap();
    let run = smoke().run.to_str().unwrap();
    let server = Served::start(&empty.path().join("none"), DEVICE, &[run]);
    let listed = server.get("/api/runs").json();
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["run"]), (1, &json!(run)));
    assert_eq!(server.get(&format!("/report?run={run}")).status, 200);
}

#[test]
fn reports_are_shown_but_may_do_nothing() {
    let report = serve().get(&format!("/report?run={}", name()));
    assert!(report.body == fs::read(smoke().run.join("report.html")).unwrap());
    assert!(report.head.contains("content-security-policy: sandbox; default-src 'none'"), "{}", report.head);
}

#[test]
fn the_page_asks_for_nothing_from_elsewhere_and_may_not() {
    let server = serve();
    for (path, kind) in [("/", "text/html"), ("/page.css", "text/css"), ("/page.js", "text/javascript")] {
        let page = server.get(path);
        assert!(page.head.contains(&format!("content-type: {kind}; charset=utf-8")), "{}", page.head);
        assert!(page.head.contains("content-security-policy: default-src 'none'; script-src 'self'"), "{}", page.head);
        for field in ["x-content-type-options: nosniff", "x-frame-options: DENY", "cache-control: no-store"] {
            assert!(page.head.contains(field), "{}", page.head);
        }
        // The namespace in the icon is a name, and no address.
        let text = page.text().replace("xmlns='http://www.w3.org/2000/svg'", "");
        assert!(!text.contains("//www") && !text.contains("http:") && !text.contains("https:"), "{path}");
    }
}

/// What a request is refused with, and why; the server goes on.
#[track_caller]
fn refused(server: &Served, bytes: &[u8], status: u16, words: &str) -> Reply {
    let reply = server.send(bytes);
    let error = reply.error(status);
    assert!(error.contains(words), "{error}");
    reply
}

#[test]
fn what_is_not_there_is_not_found() {
    let server = serve();
    refused(&server, &request("GET", "/none", "", b""), 404, "there is no /none here: GET /api/runs and POST");
    refused(&server, &request("POST", "/none", "", b"much"), 404, "there is no /none here");
    for run in ["none", "..", "../..", "/", "", "%2e%2e/x", "%00", "a%2f..%2fb"] {
        for path in ["/api/predict", "/report"] {
            let method = if path == "/report" { "GET" } else { "POST" };
            refused(&server, &request(method, &format!("{path}?run={run}"), "", b""), 404, "there is no run ");
        }
    }
    refused(&server, &request("GET", "/report?run=%ff", "", b""), 400, "invalid utf-8");
}

#[test]
fn a_run_without_a_page_says_how_to_make_it() {
    let runs = tempfile::tempdir().unwrap();
    smoke().copy_to(&runs.path().join("bare"));
    fs::remove_file(runs.path().join("bare/report.html")).unwrap();
    let server = Served::start(runs.path(), DEVICE, &[]);
    let words = "bare has no report.html: `mnist-burn report` makes it";
    refused(&server, &request("GET", "/report", "", b""), 404, words);
}

#[test]
fn a_damaged_run_says_what_is_damaged() {
    let runs = tempfile::tempdir().unwrap();
    smoke().copy_to(&runs.path().join("sound"));
    let server = Served::start(runs.path(), DEVICE, &[]);
    smoke().copy_to(&runs.path().join("damaged"));
    fs::write(runs.path().join("damaged/best.safetensors"), "?").unwrap();
    let error = server.predict(Some("damaged"), "image/png", b"").error(500);
    assert!(error.contains("best.safetensors is not the file that the run wrote"), "{error}");
}

#[test]
fn a_network_of_no_numbers_is_told() {
    let copy = super::errors::of_no_numbers();
    let server = Served::start(copy.path(), DEVICE, &[copy.path().to_str().unwrap()]);
    let body = json!(&test_images()[..784]).to_string();
    let error = server.predict(None, "application/json", body.as_bytes()).error(500);
    assert!(error.contains("the model gives no numbers"), "{error}");
}

#[test]
fn other_methods_are_told_the_right_one() {
    let server = serve();
    for path in ["/", "/page.js", "/api/runs", "/report"] {
        let reply = refused(&server, &request("POST", path, "", b""), 405, "only GET is answered here");
        assert!(reply.head.contains("\r\nallow: GET\r\n"), "{}", reply.head);
    }
    for method in ["GET", "PUT", "OPTIONS", "BREW"] {
        let bytes = request(method, "/api/predict", "", b"");
        let reply = refused(&server, &bytes, 405, "only POST is answered here");
        assert!(reply.head.contains("\r\nallow: POST\r\n"), "{}", reply.head);
    }
}

#[test]
fn bodies_that_are_no_digit_are_refused_with_the_reason() {
    let server = serve();
    let body = |kind, body: &[u8], status, words: &str| {
        let error = server.predict(None, kind, body).error(status);
        assert!(error.contains(words), "{error}");
    };
    body("image/gif", b"GIF89a", 415, "Content-Type must be image/png, image/jpeg or application/json");
    body("application/x-www-form-urlencoded", b"1", 415, "say what is sent");
    body("image/png", b"", 400, "not a readable PNG or JPEG image");
    body("image/png", b"no picture", 400, "not a readable PNG or JPEG image");
    body("application/json", b"", 400, "the body is no JSON array of whole numbers from 0 (background) to 255 (ink)");
    body("application/json", b"[0, 0.5]", 400, "invalid type: floating point `0.5`");
    body("application/json", b"[0, 256]", 400, "invalid value: integer `256`");
    body("application/json", b"[1, 2, 3]", 400, "the image has 3 pixels, and not 784");
}

#[test]
fn pictures_that_unpack_to_enormous_ones_are_refused() {
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
    // Refused while it is still being sent, and the reason arrives all the same.
    refused(&server, &request("POST", "/api/predict", "Content-Type: image/png", &vec![0; 8 << 20]), 413, "4 MiB");
    for fields in [format!("X: {}", "x".repeat(20_000)), "X: x\r\n".repeat(200)] {
        let reply = server.send(&request("GET", "/", &fields, b""));
        assert!(reply.head.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"), "{}", reply.head);
    }
}

#[test]
fn a_body_may_come_in_chunks_of_any_size() {
    let server = serve();
    let chunked = |chunks: &str| {
        let head = "POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
        server.send(format!("{head}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}").as_bytes())
    };
    let body = json!(&test_images()[..784]).to_string();
    let (start, end) = body.split_at(100);
    let chunks = format!("{:x}\r\n{start}\r\n{:x}\r\n{end}\r\n0\r\n\r\n", start.len(), end.len());
    assert_eq!(chunked(&chunks).json()["digit"], 7);
    let error = chunked(&format!("500000\r\n{}\r\n0\r\n\r\n", " ".repeat(5 << 20))).error(413);
    assert!(error.contains("the body is larger than 4 MiB"), "{error}");
}

#[test]
fn what_is_no_request_is_refused() {
    let server = serve();
    let malformed = |bytes: &[u8], words: &str| refused(&server, bytes, 400, words);
    malformed(b"GET / HTTP/1.1\r\n\r\n", "it has no Host");
    malformed(b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", "it has several host");
    let head = "POST /api/predict HTTP/1.1\r\nHost: localhost\r\n";
    let cut = format!("{head}Content-Type: image/png\r\nContent-Length: 9\r\n\r\n123");
    malformed(cut.as_bytes(), "this is no whole HTTP request: ");
    let nonsense = |bytes: &[u8]| {
        let reply = server.send(bytes);
        assert!(reply.head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{bytes:?}: {}", reply.head);
    };
    nonsense(b"what?\r\n\r\n");
    for length in ["-1", "+1", "1x", "99999999999999999999999"] {
        nonsense(format!("{head}Content-Length: {length}\r\n\r\n").as_bytes());
    }
    nonsense(format!("{head}Content-Length: 1\r\nContent-Length: 2\r\n\r\n").as_bytes());
    assert_eq!(server.send(&head.as_bytes()[..20]).status, 0, "nothing is answered to half a head");
}

#[test]
fn other_names_and_other_sites_are_refused() {
    let server = serve();
    let get = |host: &str| format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes();
    refused(&server, &get("example.org"), 421, "this server is not example.org: ask for it by its address");
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
fn other_machines_are_let_in_only_with_a_warning() {
    // The address is one of this machine's own, so that the test opens nothing.
    let server = Served::start(smoke().run.parent().unwrap(), DEVICE, &["--expose", "127.0.0.1"]);
    let warning = "warning: whoever reaches 127.0.0.1 can use the networks and read the runs and their reports";
    assert!(server.said().contains(warning), "{}", server.said());
    let get = |host: &str| format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes();
    assert_eq!(server.send(&get("192.168.1.7:8000")).status, 200);
    refused(&server, &get("example.org"), 421, "this server is not example.org");
}

#[test]
fn slow_senders_are_given_up_and_hold_nobody_up() {
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
    assert_eq!(head.status, 0, "who has not asked for anything is told nothing");
    let error = body.error(408);
    assert!(error.contains("the request took longer than 10 s to arrive"), "{error}");
}

#[test]
fn of_too_many_connections_the_last_wait_until_some_close() {
    let server = serve();
    let mut held: Vec<_> = (0..100).map(|_| server.connect()).collect();
    thread::scope(|scope| {
        let late = scope.spawn(|| server.get("/").status);
        thread::sleep(Duration::from_millis(200));
        assert!(!late.is_finished(), "there is no room yet");
        held.truncate(50);
        assert_eq!(late.join().unwrap(), 200);
    });
}

#[test]
fn a_connection_serves_one_request_after_the_other() {
    let server = serve();
    let mut stream = server.connect();
    let head = request("HEAD", "/", "", b"");
    let last = request("GET", "/api/runs", "Connection: close", b"");
    stream.write_all(&[head, last].concat()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2, "{text}");
    assert!(!text.contains("<!doctype html>"), "HEAD is answered without the body: {text}");
    assert!(text.contains("\"status\":\"finished\""), "{text}");
}

#[test]
fn a_client_that_asks_before_it_sends_is_told_to_go_on() {
    let server = serve();
    let mut stream = server.connect();
    let body = json!(&test_images()[..784]).to_string();
    let fields = "Content-Type: application/json\r\nExpect: 100-continue\r\nConnection: close";
    let bytes = request("POST", "/api/predict", fields, body.as_bytes());
    stream.write_all(&bytes[..bytes.len() - body.len()]).unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(body.as_bytes()).unwrap();
    assert_eq!(reply(stream).json()["digit"], 7);
}

#[test]
#[cfg(unix)]
fn ctrl_c_finishes_what_is_under_way() {
    let mut server = serve();
    let idle = server.connect();
    let mut stream = server.connect();
    let body = json!(&test_images()[..784]).to_string();
    let bytes = request("POST", "/api/predict", "Content-Type: application/json", body.as_bytes());
    let (now, later) = bytes.split_at(bytes.len() / 2);
    stream.write_all(now).unwrap();
    // The server has begun with it once it answers what came after.
    assert_eq!(server.get("/").status, 200);
    server.signal("-INT");
    while !server.said().contains("finishing what is under way; once more leaves at once") {
        thread::yield_now();
    }
    stream.write_all(later).unwrap();
    let answer = reply(stream);
    assert_eq!(answer.json()["digit"], 7);
    assert!(answer.head.contains("connection: close"), "{}", answer.head);
    assert!(server.wait().success());
    drop(idle);
}

#[test]
fn a_port_that_is_taken_is_an_error_with_the_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let message = failure(program().arg("serve").arg(&smoke().run).args(["--device", DEVICE, "--port", &port]));
    assert!(
        message.contains(&format!("can't listen on 127.0.0.1:{port}; `--port 0` takes any free port")),
        "{message}"
    );
}

#[test]
fn without_a_finished_run_there_is_nothing_to_serve() {
    let runs = tempfile::tempdir().unwrap();
    let serve = |runs: &Path| failure(program().args(["serve", "--device", DEVICE, "--runs"]).arg(runs));
    let message = serve(runs.path());
    assert!(message.contains("is finished: train one first, or name a run"), "{message}");
    let message = serve(&runs.path().join("none"));
    assert!(message.contains("can't list the runs in"), "{message}");
}
