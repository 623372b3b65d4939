//! `mnist-burn serve`: the page and its JSON API.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::predict::{test_images, write};
use super::runs::unfinish;
use super::served::{Served, reply, request};
use super::trained::smoke;
use super::{DEVICE, failure, program, stdout};

/// Serves the smoke run.
pub fn serve() -> Served {
    Served::start(smoke().run.parent().unwrap(), DEVICE, &[])
}

/// The smoke run's name.
fn name() -> String {
    smoke().run.file_name().unwrap().to_str().unwrap().into()
}

#[test]
fn images_and_pixels_are_classified_as_predict_classifies_them() {
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
        for (probability, expected) in probabilities(&png).iter().zip(probabilities(expected)) {
            assert!((probability - expected).abs() < 1e-6, "{png} {expected}");
        }
        let body = json!(pixels).to_string();
        let numbers = server.predict(Some(&name()), "application/json; charset=utf-8", body.as_bytes()).json();
        assert_eq!(numbers, png);
    }
}

/// A form with the boundary `edge`, as browsers and curl send it. Each part has what follows `form-data` in its head, and
/// its content.
pub fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let part = |(head, content): &(&str, &[u8])| {
        let head = format!("--edge\r\nContent-Disposition: form-data; {head}\r\n\r\n");
        [head.as_bytes(), content, b"\r\n"].concat()
    };
    [parts.iter().map(part).collect::<Vec<_>>().concat(), b"--edge--\r\n".to_vec()].concat()
}

#[test]
fn first_file_of_a_form_is_classified_like_the_image_alone() {
    let folder = tempfile::tempdir().unwrap();
    let [seven, two] = [0, 1].map(|index| fs::read(&write(index..index + 1, folder.path())[0]).unwrap());
    let server = serve();
    let expected = server.predict(None, "image/png", &seven).json();
    assert_eq!(expected["digit"], 7);
    let files: &[(&str, &[u8])] = &[
        ("name=\"note\"", b"not a file"),
        ("name=\"first\"; filename=\"\"\r\nContent-Type: application/octet-stream", b""),
        ("name=\"image\"; filename=\"digit.png\"\r\nContent-Type: image/png", &seven),
        ("name=\"other\"; filename=\"other.png\"", &two),
    ];
    for kind in ["multipart/form-data; boundary=edge", "Multipart/Form-Data; charset=utf-8; boundary=\"edge\""] {
        assert_eq!(server.predict(Some(&name()), kind, &form(files)).json(), expected);
    }
}

#[test]
fn stages_of_the_preparation_come_as_pictures_if_the_query_asks_for_them() {
    let server = serve();
    let drawing = fs::read("tests/drawn/digits/3-bows-1.png").unwrap();
    let ask = |query: &str| {
        let head = format!(
            "POST /api/predict{query} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: image/jpg\r\nContent-Length: {}\r\n\r\n",
            server.address,
            drawing.len()
        );
        server.send(&[head.as_bytes(), &drawing].concat()).json()
    };
    assert!(ask("")["stages"].is_null());
    let answer = ask("?stages");
    let stages = answer["stages"].as_array().unwrap();
    let names: Vec<&str> = stages.iter().map(|stage| stage["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["picture", "ink", "digit", "stroke", "image"]);
    assert!(stages.iter().all(|stage| stage["picture"].as_str().unwrap().starts_with("data:image/png;base64,iVBOR")));
}

#[test]
fn server_behind_a_proxy_answers_for_its_name_and_with_relative_links() {
    let server = Served::start(smoke().run.parent().unwrap(), DEVICE, &["--allow-host", "digits.example.org"]);
    let get = |host: &str, path: &str, origin: &str| {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nOrigin: {origin}\r\n\r\n");
        server.send(head.as_bytes())
    };
    let own = get("digits.example.org", "/healthz", "https://digits.example.org");
    assert_eq!((own.status, own.json()), (200, json!({ "status": "ok" })));
    // A proxy may keep its own host to itself, and its port.
    assert_eq!(get("127.0.0.1", "/healthz", "https://digits.example.org").status, 200);
    assert_eq!(get("digits.example.org", "/healthz", "http://digits.example.org:8080").status, 200);
    let other = get("digits.example.org", "/healthz", "https://example.org");
    assert!(other.error(403).contains("with --allow-host"));
    assert_eq!(get("example.org", "/healthz", "https://example.org").status, 421);
    for file in ["/", "/page.js"] {
        let body = String::from_utf8(server.get(file).body).unwrap();
        for absolute in ["\"/page", "\"/api", "`/api", "`/report"] {
            assert!(!body.contains(absolute), "{file} has {absolute}, which leaves out a proxy's prefix");
        }
    }
}

#[test]
fn address_in_place_of_a_host_name_is_refused() {
    for address in ["https://digits.example.org/", "digits.example.org:443"] {
        let output = program().args(["serve", "--allow-host", address]).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8(output.stderr).unwrap().contains("it must be a name alone"));
    }
}

fn probabilities(answer: &Value) -> Vec<f64> {
    answer["probabilities"].as_array().unwrap().iter().map(|probability| probability.as_f64().unwrap()).collect()
}

#[test]
fn runs_are_listed_and_later_ones_are_found() {
    let runs = tempfile::tempdir().unwrap();
    smoke().copy_to(&runs.path().join("first"));
    let server = Served::start(runs.path(), DEVICE, &[]);
    assert_eq!(server.get("/api/runs").json().as_array().unwrap().len(), 1);
    assert!(server.stderr_text().contains("first classifies what is drawn there"), "{}", server.stderr_text());

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
fn list_of_runs_is_reused_for_a_second_and_then_has_what_changed() {
    let runs = tempfile::tempdir().unwrap();
    let record = runs.path().join("sweep/first/record.json");
    smoke().copy_to(record.parent().unwrap());
    let finished = fs::read(&record).unwrap();
    let server = Served::start(runs.path(), DEVICE, &[]);
    unfinish(record.parent().unwrap());

    let started = Instant::now();
    let list = || server.get("/api/runs").json();
    let first = list();
    assert_eq!((first.as_array().unwrap().len(), &first[0]["status"]), (1, &json!("interrupted")));
    fs::write(&record, finished).unwrap();
    smoke().copy_to(&runs.path().join("sweep/second"));
    let reused = list();
    assert!(reused == first || started.elapsed() > Duration::from_secs(1), "{reused}");
    thread::sleep(Duration::from_secs(1));
    let later = list();
    let statuses = later.as_array().unwrap().iter().map(|run| &run["status"]);
    assert_eq!(statuses.collect::<Vec<_>>(), ["finished", "finished"]);
}

#[test]
fn run_that_was_trained_further_is_loaded_again() {
    let runs = tempfile::tempdir().unwrap();
    let run = runs.path().join("run");
    smoke().copy_to(&run);
    let server = Served::start(runs.path(), DEVICE, &[]);
    let body = json!(&test_images()[..784]).to_string();
    let predict = || probabilities(&server.predict(None, "application/json", body.as_bytes()).json());
    let before = predict();
    stdout(program().arg("resume").arg(&run).args(["--device", DEVICE, "--set", "training.epochs=5"]));
    assert_ne!(predict(), before);
}

#[test]
fn run_from_elsewhere_is_served_beside_those_of_the_folder() {
    let empty = tempfile::tempdir().unwrap();
    let run = smoke().run.to_str().unwrap();
    let server = Served::start(&empty.path().join("none"), DEVICE, &[run]);
    let listed = server.get("/api/runs").json();
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["run"]), (1, &json!(run)));
    assert_eq!(server.get(&format!("/report?run={run}")).status, 200);
}

#[test]
fn reports_are_shown_in_a_sandbox() {
    let report = serve().get(&format!("/report?run={}", name()));
    assert!(report.body == fs::read(smoke().run.join("report.html")).unwrap());
    assert!(report.head.contains("content-security-policy: sandbox; default-src 'none'"), "{}", report.head);
}

#[test]
fn page_loads_nothing_from_elsewhere() {
    let server = serve();
    for (path, kind) in [("/", "text/html"), ("/page.css", "text/css"), ("/page.js", "text/javascript")] {
        let page = server.get(path);
        assert!(page.head.contains(&format!("content-type: {kind}; charset=utf-8")), "{}", page.head);
        assert!(page.head.contains("content-security-policy: default-src 'none'; script-src 'self'"), "{}", page.head);
        for field in ["x-content-type-options: nosniff", "x-frame-options: DENY", "cache-control: no-store"] {
            assert!(page.head.contains(field), "{}", page.head);
        }
        // The namespace in the icon is a name, not an address.
        let text = page.text().replace("xmlns='http://www.w3.org/2000/svg'", "");
        assert!(!text.contains("//www") && !text.contains("http:") && !text.contains("https:"), "{path}");
    }
}

#[test]
fn body_may_come_in_chunks_of_any_size() {
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
fn connection_serves_one_request_after_the_other() {
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
fn client_that_expects_100_continue_receives_it() {
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
fn ctrl_c_finishes_open_requests() {
    let mut server = serve();
    let idle = server.connect();
    let mut stream = server.connect();
    let body = json!(&test_images()[..784]).to_string();
    let bytes = request("POST", "/api/predict", "Content-Type: application/json", body.as_bytes());
    let (now, later) = bytes.split_at(bytes.len() / 2);
    stream.write_all(now).unwrap();
    // When the server answers a later request, it has started to read this one.
    assert_eq!(server.get("/").status, 200);
    server.signal("-INT");
    while !server.stderr_text().contains("finishing open requests; press Ctrl-C again to quit now") {
        thread::yield_now();
    }
    // The server refuses new connections from the moment at which it tells the open ones to close.
    while TcpStream::connect(server.address).is_ok() {
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
fn port_in_use_is_an_error_with_the_alternative() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let message = failure(program().arg("serve").arg(&smoke().run).args(["--device", DEVICE, "--port", &port]));
    assert!(
        message.contains(&format!("can't listen on 127.0.0.1:{port}; `--port 0` takes any free port")),
        "{message}"
    );
}

#[test]
fn serve_without_a_finished_run_uses_the_network_that_comes_with_the_program() {
    let runs = tempfile::tempdir().unwrap();
    for folder in [runs.path().to_path_buf(), runs.path().join("none")] {
        let server = Served::start(&folder, DEVICE, &[]);
        let listed = server.get("/api/runs").json();
        assert_eq!((listed.as_array().unwrap().len(), &listed[0]["run"]), (1, &json!("handwriting (built in)")));
        let body = json!(&test_images()[..784]).to_string();
        let answer = server.predict(None, "application/json", body.as_bytes()).json();
        assert_eq!((&answer["digit"], &answer["warnings"]), (&json!(7), &json!([])));
    }
}
