//! `mnist-burn serve` under load, and under attack.

use std::fs;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mnist_burn::data::idx;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use super::predict::{test_images, write};
use super::served::{Served, reply, request};
use super::trained::smoke;
use super::{DEVICE, program, success};

/// The mutator of the tests of damaged files.
#[allow(dead_code, reason = "only bytes are damaged here, not JSON")]
#[path = "../mutations/mutator.rs"]
mod mutator;

/// Sends the files from `clients` concurrent clients, each over one connection that stays open. Returns the digits in
/// the files' order, and the median response time.
fn classify(server: &Served, clients: usize, files: &[Vec<u8>]) -> (Vec<u64>, Duration) {
    let (next, answers) = (AtomicUsize::new(0), Mutex::new(vec![]));
    let address = format!("http://{}/api/predict", server.address);
    thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                let agent = ureq::Agent::new_with_defaults();
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(file) = files.get(index) else { break };
                    let started = Instant::now();
                    let request = agent.post(&address).content_type("image/png");
                    let answer = request.send(file.as_slice()).unwrap().into_body().read_to_vec().unwrap();
                    let time = started.elapsed();
                    let answer: Value = serde_json::from_slice(&answer).unwrap();
                    answers.lock().unwrap().push((index, answer["digit"].as_u64().unwrap(), time));
                }
            });
        }
    });
    let mut answers = answers.into_inner().unwrap();
    answers.sort_unstable();
    let mut times: Vec<Duration> = answers.iter().map(|answer| answer.2).collect();
    times.sort_unstable();
    (answers.iter().map(|answer| answer.1).collect(), times[times.len() / 2])
}

/// The test images from `range` as PNG files.
fn pictures(range: std::ops::Range<usize>) -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    write(range, folder.path()).iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn concurrent_clients_get_the_same_answers_as_a_single_one() {
    let server = Served::start(smoke().run.parent().unwrap(), DEVICE, &[]);
    let files = pictures(0..1000);
    assert_eq!(classify(&server, 50, &files).0, classify(&server, 1, &files).0);
}

#[test]
fn clients_do_not_wait_for_the_slow_bodies_of_others() {
    let server = Served::start(smoke().run.parent().unwrap(), DEVICE, &[]);
    let files = pictures(0..100);
    let bytes = request("POST", "/api/predict", "Content-Type: image/png\r\nConnection: close", &files[0]);
    // None of the slow ones is done: each waits with its last byte.
    let (start, end) = bytes.split_at(bytes.len() - 1);
    let mut slow: Vec<_> = (0..50).map(|_| server.connect()).collect();
    slow.iter_mut().for_each(|stream| stream.write_all(start).unwrap());
    let (digits, _) = classify(&server, 50, &files);
    assert_eq!(digits[0], 7);
    for mut stream in slow {
        stream.write_all(end).unwrap();
        assert_eq!(reply(stream).json()["digit"], 7);
    }
}

#[test]
#[ignore = "half a minute: trains the baseline, and sends all test images"]
fn concurrent_clients_agree_with_evaluate_on_all_test_images() {
    let runs = tempfile::tempdir().unwrap();
    let run = runs.path().join("baseline");
    success(program().args(["--config", "config/baseline.toml", "--device", DEVICE, "--run"]).arg(&run));
    let evaluation: Value = serde_json::from_slice(&fs::read(run.join("evaluation.json")).unwrap()).unwrap();
    let server = Served::start(runs.path(), DEVICE, &[]);
    let files = pictures(0..10_000);

    let (digits, median) = classify(&server, 50, &files);
    let labels = concat!(env!("CARGO_MANIFEST_DIR"), "/data/mnist/t10k-labels-idx1-ubyte.gz");
    let mut confusion = vec![vec![0u64; 10]; 10];
    for (digit, label) in digits.iter().zip(idx::labels(labels.as_ref()).unwrap()) {
        confusion[usize::from(label)][*digit as usize] += 1;
    }
    assert_eq!(serde_json::to_value(confusion).unwrap(), evaluation["confusion"]);
    let (alone, median_alone) = classify(&server, 1, &files[..2000]);
    assert_eq!(alone, digits[..2000]);
    println!("median time of an answer: {median:.1?} with 50 clients, {median_alone:.1?} with one");
}

/// Sends `count` requests that are damaged, huge or truncated, while slow senders hold connections. The server must
/// refuse them, keep serving, and not leak memory.
#[cfg(target_os = "linux")]
fn attack(count: usize) {
    const THREADS: usize = 8;
    let server = Served::start(smoke().run.parent().unwrap(), DEVICE, &[]);
    let picture = &pictures(0..1)[0];
    let json = serde_json::to_vec(&test_images()[..784]).unwrap();
    let sound = [("image/png", picture.as_slice()), ("application/json", &json)]
        .map(|(kind, body)| request("POST", "/api/predict", &format!("Content-Type: {kind}"), body));
    // One valid request each, so that everything is loaded before memory is measured.
    sound.iter().for_each(|request| assert_eq!(server.send(request).status, 200));
    let before = server.memory();
    let (refused, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let is_over = AtomicUsize::new(0);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (server, sound, refused, is_over) = (&server, &sound, &refused, &is_over);
            scope.spawn(move || {
                let mut generator = ChaCha8Rng::seed_from_u64(1);
                generator.set_stream(thread as u64);
                for _ in 0..count / THREADS {
                    let status = server.send(&malformed(sound, &mut generator)).status;
                    // An empty request gets no response, and some damaged ones are still valid.
                    assert!(matches!(status, 0 | 200 | 400..=499 | 503), "{status}");
                    refused.fetch_add(usize::from(status >= 400), Ordering::Relaxed);
                }
                is_over.fetch_add(1, Ordering::Relaxed);
            });
        }
        let (server, sound, most, is_over) = (&server, &sound, &most, &is_over);
        scope.spawn(move || {
            // Each of them sends a byte at a time.
            let mut slow: Vec<_> = (0..40).map(|_| server.connect()).collect();
            for byte in &sound[0] {
                slow.iter_mut().for_each(|stream| _ = stream.write_all(&[*byte]));
                most.fetch_max(server.memory() as usize, Ordering::Relaxed);
                if is_over.load(Ordering::Relaxed) == THREADS {
                    break;
                }
                thread::sleep(Duration::from_millis(100));
            }
        });
    });
    let (refused, after) = (refused.into_inner(), server.memory());
    let grown = after.max(most.into_inner() as u64).saturating_sub(before) as f64 / f64::from(1 << 20);
    println!("{refused} of {count} refused; memory grew by {grown:.1} MiB");
    assert!(refused > count / 2, "{refused}");
    assert!(grown < 50.0, "memory grew by {grown:.1} MiB");
    assert_eq!(server.send(&sound[0]).json()["digit"], 7);
}

/// A request that is malformed, with high probability.
#[cfg(target_os = "linux")]
fn malformed(sound: &[Vec<u8>; 2], generator: &mut ChaCha8Rng) -> Vec<u8> {
    let mut request_bytes = sound[generator.random_range(0..2)].clone();
    let head = request_bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    match generator.random_range(0..6) {
        // Damage the whole request, or only the body, with a correct length.
        0 => mutator::damage(&mut request_bytes, &sound[0], generator),
        1 => {
            let mut body = request_bytes.split_off(head);
            mutator::damage(&mut body, &sound[0], generator);
            return request("POST", "/api/predict", "Content-Type: image/png", &body);
        }
        2 => request_bytes.truncate(generator.random_range(0..request_bytes.len())),
        3 => {
            let length = generator.random_range(0..200_000);
            return request("GET", "/", &format!("X: {}", "x".repeat(length)), b"");
        }
        4 => return (0..generator.random_range(0..5_000)).map(|_| generator.random()).collect(),
        _ => {
            // A large Content-Length with a short body.
            let length = mutator::extreme(generator);
            let head = "POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length";
            return format!("{head}: {length}\r\n\r\n{}", "x".repeat(generator.random_range(0..5_000))).into_bytes();
        }
    }
    request_bytes
}

#[test]
#[cfg(target_os = "linux")]
fn server_survives_malformed_requests() {
    attack(800);
}

#[test]
#[cfg(target_os = "linux")]
#[ignore = "a minute: 20,000 malformed requests"]
fn server_survives_twenty_thousand_malformed_requests() {
    attack(20_000);
}
