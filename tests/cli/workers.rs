//! `mnist-burn worker`, and what computes there: two programs on this machine, over loopback.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::NamedTempFile;
use tungstenite::Message;

use super::resume::DIVERGING;
use super::{DEVICE, failure, program, stdout, success};

const TOKEN: &str = "as many characters as it takes";

/// The program, with a token.
fn client() -> Command {
    let mut command = stranger();
    command.env("MNIST_BURN_TOKEN", TOKEN);
    command
}

/// The program, without one, whatever there is around the tests.
fn stranger() -> Command {
    let mut command = program();
    command.env_remove("MNIST_BURN_TOKEN").env_remove("MNIST_BURN_TOKEN_FILE");
    command
}

/// A running worker, ended when it is dropped.
struct Worker {
    child: Child,
    /// The name of its first device.
    name: String,
    /// What it prints for a config.
    line: String,
    stderr: NamedTempFile,
}

impl Worker {
    fn start(arguments: &[&str]) -> Self {
        Self::of(DEVICE, arguments)
    }

    fn of(devices: &str, arguments: &[&str]) -> Self {
        let stderr = NamedTempFile::new().unwrap();
        let mut command = client();
        command.args(["worker", "--port", "0", "--device", devices]).args(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(stderr.reopen().unwrap()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let name = line.starts_with("device = ").then(|| line.split('"').nth(1)).flatten().map(String::from);
        let said = fs::read_to_string(&stderr).unwrap();
        Self { name: name.unwrap_or_else(|| panic!("no device: {line}{said}")), line, child, stderr }
    }

    /// What it has said on stderr.
    fn said(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap()
    }

    /// Waits until it has said so.
    fn says(&self, what: &str) {
        let start = Instant::now();
        while !self.said().contains(what) {
            assert!(start.elapsed() < Duration::from_secs(20), "not said: {what}\n{}", self.said());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Its host and port.
    fn place(&self) -> &str {
        self.name.rsplit_once(['@', '/']).unwrap().1
    }

    fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap().success());
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A short training on `device`.
fn train(device: &str, epochs: usize, run: &Path) -> Command {
    let mut command = client();
    command.args(["train", "--config", "config/smoke.toml", "--set", "data.validation=200", "--device", device]);
    command.arg("--set").arg(format!("training.epochs={epochs}")).arg("--run").arg(run);
    command
}

/// What a training prints on stderr whose worker is no more; it must fail in time, and without a panic.
fn lost(child: Child) -> String {
    let start = Instant::now();
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    let message = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{message}");
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}: {message}", start.elapsed());
    assert!(!message.contains("panicked"), "{message}");
    message
}

/// The rows of the epochs that a run has kept.
fn kept(run: &Path) -> Vec<String> {
    let table = fs::read_to_string(run.join("metrics.csv")).unwrap_or_default();
    table.lines().skip(1).map(String::from).collect()
}

/// Has a run train for one epoch more on this machine, after those that it has kept.
fn goes_on(run: &Path) {
    let before = kept(run);
    let more = format!("training.epochs={}", before.len() + 1);
    let (_, notes) = success(client().arg("resume").arg(run).args(["--device", DEVICE, "--set", &more]));
    let first = format!("epoch {0}/{0} ", before.len() + 1);
    let epochs: Vec<_> = notes.lines().filter(|line| line.starts_with("epoch ")).collect();
    assert!(epochs.len() == 1 && epochs[0].starts_with(&first), "{before:?}: {notes}");
    let after = kept(run);
    assert!(after.len() == before.len() + 1 && after.starts_with(&before), "{before:?} {after:?}");
}

/// Waits until a training has kept so many epochs.
fn wait_for_epochs(run: &Path, epochs: usize) {
    let start = Instant::now();
    while kept(run).len() < epochs {
        assert!(start.elapsed() < Duration::from_secs(120), "no epoch in two minutes");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_worker_lists_its_devices_and_trains_what_this_machine_would_train() {
    for arguments in [&[][..], &["--websocket"]] {
        let worker = Worker::start(arguments);
        let listed = stdout(client().args(["devices", &worker.name]));
        assert_eq!(listed.trim(), format!("{} device 1 of 1", worker.name));

        let runs = tempfile::tempdir().unwrap();
        let (there, here) = (runs.path().join("there"), runs.path().join("here"));
        let (_, notes) = success(&mut train(&worker.name, 1, &there));
        assert!(notes.contains(&format!("device: {} (worker)", worker.name)), "{notes}");
        // The figures are read seldom, but the line has all of them.
        assert!(notes.contains("  validation loss 0.") && !notes.contains("NaN"), "{notes}");
        success(&mut train(DEVICE, 1, &here));
        let accuracy = |run: &Path| {
            let evaluation: Value = serde_json::from_slice(&fs::read(run.join("evaluation.json")).unwrap()).unwrap();
            evaluation["accuracy"].as_f64().unwrap()
        };
        // Rounding differs, as the layers are not one operation there.
        assert!((accuracy(&there) - accuracy(&here)).abs() < 0.02, "{} {}", accuracy(&there), accuracy(&here));
        for file in ["record.json", "config.toml", "metrics.csv"] {
            assert!(!fs::read_to_string(there.join(file)).unwrap().contains(TOKEN), "{file}");
        }
        let said = worker.said();
        assert!(said.contains("is here for device 0") && !said.contains(TOKEN), "{said}");
        assert!(!said.contains("warning"), "{said}");
    }
}

#[test]
fn without_a_token_nothing_is_served_and_nothing_is_asked_for() {
    let without = |arguments: &[&str]| failure(stranger().args(arguments));
    assert!(without(&["worker", "--device", DEVICE]).contains("there is no token"));
    assert!(without(&["devices", "remote:ws://127.0.0.1:1"]).contains("there is no token"));
    let short = failure(stranger().env("MNIST_BURN_TOKEN", "secret").args(["worker", "--device", DEVICE]));
    assert!(short.contains("fewer than 16 characters") && !short.contains("secret"), "{short}");
    let missing = failure(stranger().env("MNIST_BURN_TOKEN_FILE", "no/file").args(["worker", "--device", DEVICE]));
    assert!(missing.contains("can't read the token in no/file") && missing.contains("because: "), "{missing}");
}

#[test]
fn a_token_may_be_in_a_file() {
    let file = NamedTempFile::new().unwrap();
    fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let worker = Worker::start(&[]);
    let mut command = stranger();
    // An empty variable is none.
    command.env("MNIST_BURN_TOKEN", "").env("MNIST_BURN_TOKEN_FILE", file.path());
    success(command.args(["devices", &worker.name]));
}

#[test]
fn a_wrong_token_and_a_missing_device_are_refused_with_the_reason_on_both_sides() {
    for arguments in [&[][..], &["--websocket"]] {
        let worker = Worker::start(arguments);
        let message =
            failure(stranger().env("MNIST_BURN_TOKEN", "another long enough token").args(["devices", &worker.name]));
        assert!(message.contains("refuses: the token") && message.contains(worker.place()), "{message}");
        worker.says("presented the wrong token");

        let message = failure(client().args(["--dry-run", "--device", &format!("{}/1", worker.name)]));
        assert!(message.contains("no device of this number, but 1"), "{message}");
        worker.says("asked for device 1, but this server hosts 1");
    }
}

#[test]
fn a_worker_that_is_not_there_is_named() {
    let message = failure(client().args(["devices", "remote:ws://127.0.0.1:1"]));
    assert!(message.contains("ws://127.0.0.1:1 can't be reached") && message.contains("refused"), "{message}");
    let message = failure(client().args(["devices", "remote:ws://no.such.host.invalid:1"]));
    assert!(message.contains("no.such.host.invalid:1 can't be reached"), "{message}");
}

#[test]
fn a_port_that_is_taken_is_an_error_with_the_way_out() {
    for arguments in [&[][..], &["--websocket"]] {
        let worker = Worker::start(arguments);
        let port = worker.place().rsplit_once(':').unwrap().1;
        let message = failure(client().args(["worker", "--device", DEVICE, "--port", port]).args(arguments));
        assert!(message.contains("can't listen on 127.0.0.1") && message.contains("--port 0"), "{message}");
    }
}

#[test]
#[cfg(all(feature = "ndarray", feature = "flex"))]
fn devices_of_two_backends_are_not_served_together() {
    let message = failure(client().args(["worker", "--port", "0", "--device", "ndarray,flex"]));
    assert!(message.contains("can't serve these devices: a server's devices must share one backend"), "{message}");
}

/// The first message of a session, as Burn's client of protocol `version` sends it.
fn hello(version: u16, token: &str) -> Vec<u8> {
    let session = (version, (7u64,), 0u32, serde_bytes::Bytes::new(token.as_bytes()));
    rmp_serde::to_vec(&[std::collections::BTreeMap::from([("Init", session)])]).unwrap()
}

#[test]
fn another_version_is_refused_with_the_reason_on_both_sides() {
    let worker = Worker::start(&["--websocket"]);
    let (mut socket, _) = tungstenite::connect(format!("ws://{}/session", worker.place())).unwrap();
    socket.send(Message::Binary(hello(999, TOKEN).into())).unwrap();
    let answer = String::from_utf8_lossy(&socket.read().unwrap().into_data()).into_owned();
    assert!(answer.contains("IncompatibleProtocol"), "{answer}");
    worker.says("protocol version 999");

    // A server of another version, and the program as its client.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let name = format!("remote:ws://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || {
                let mut socket = tungstenite::accept(stream.unwrap()).unwrap();
                while let Ok(message) = socket.read() {
                    if message.is_binary() {
                        let refusal =
                            [&b"\x92\x81\xabInitRefused\x81\xb4IncompatibleProtocol\x91"[..], &[0x63, 0x00]].concat();
                        let _ = socket.send(Message::Binary(refusal.into()));
                    }
                }
            });
        }
    });
    let message = failure(client().args(["devices", &name]));
    assert!(message.contains("speaks version 99 of Burn's protocol"), "{message}");
}

/// Greetings with a few bytes changed, most of them cut off somewhere.
fn malformed() -> impl Iterator<Item = Vec<u8>> {
    let mut random = 1u64;
    let mut byte = move || {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (random >> 56) as u8
    };
    let greeting = hello(2, TOKEN);
    std::iter::repeat_with(move || {
        let mut bytes = greeting.clone();
        for _ in 0..1 + byte() % 4 {
            let place = usize::from(byte()) % bytes.len();
            bytes[place] = byte();
        }
        bytes.truncate(1 + usize::from(byte()) % bytes.len());
        bytes
    })
}

#[test]
fn ten_thousand_malformed_messages_leave_a_worker_serving() {
    let worker = Worker::start(&["--websocket"]);
    for (sent, bytes) in malformed().take(10_000).enumerate() {
        // Half of them in place of a greeting, half after one; and some where tensors are asked for.
        let route = if sent % 100 == 0 { "data" } else { "session" };
        let (mut socket, _) = tungstenite::connect(format!("ws://{}/{route}", worker.place())).unwrap();
        if sent % 2 == 1 {
            socket.send(Message::Binary(hello(2, TOKEN).into())).unwrap();
        }
        socket.send(Message::Binary(bytes.into())).unwrap();
    }
    worker.says("Invalid remote task batch");
    success(client().args(["--config", "config/smoke.toml", "--dry-run", "--device", &worker.name]));
}

#[test]
fn ten_thousand_malformed_messages_leave_an_encrypted_worker_serving() {
    let worker = Worker::start(&[]);
    let (id, place) = worker.name.strip_prefix("remote:").unwrap().split_once('@').unwrap();
    // What is not even a packet of its protocol.
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    for bytes in malformed().take(1_000) {
        socket.send_to(&bytes, place).unwrap();
    }
    let peer = iroh::EndpointAddr::new(id.parse().unwrap()).with_ip_addr(place.parse().unwrap());
    let frame = |bytes: &[u8]| [&(bytes.len() as u64).to_le_bytes(), bytes].concat();
    let header = rmp_serde::to_vec(&(1u16, "Session")).unwrap();
    let talk = async {
        let minimal = iroh::endpoint::presets::Minimal;
        let endpoint = iroh::Endpoint::builder(minimal).relay_mode(iroh::RelayMode::Disabled).bind().await.unwrap();
        let connect = || async { endpoint.connect(peer.clone(), burn::server::BURN_REMOTE_ALPN).await.unwrap() };
        let mut connection = connect().await;
        for (sent, bytes) in malformed().take(10_000).enumerate() {
            // A stream that begins wrongly costs its connection.
            let begins_wrongly = sent % 100 == 0;
            let (mut stream, _) = connection.open_bi().await.unwrap();
            let greeting = if sent % 2 == 1 { frame(&hello(2, TOKEN)) } else { vec![] };
            let first = if begins_wrongly { frame(&bytes) } else { frame(&header) };
            stream.write_all(&[first, greeting, frame(&bytes)].concat()).await.unwrap();
            stream.finish().unwrap();
            if begins_wrongly {
                connection.closed().await;
                connection = connect().await;
            }
        }
    };
    tokio::runtime::Runtime::new().unwrap().block_on(talk);
    worker.says("Invalid remote task batch");
    success(client().args(["--config", "config/smoke.toml", "--dry-run", "--device", &worker.name]));
}

#[test]
fn a_worker_keeps_its_name_where_its_identity_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("identity");
    let name = || Worker::start(&["--identity", file.to_str().unwrap()]).name.clone();
    let id = |name: &str| name.split_once('@').unwrap().0.to_string();
    assert_eq!(id(&name()), id(&name()));
    fs::write(&file, "too short").unwrap();
    let message = failure(client().args(["worker", "--device", DEVICE, "--identity"]).arg(&file));
    assert!(message.contains("can't keep the worker's identity in"), "{message}");
}

#[test]
fn a_worker_that_dies_or_hangs_ends_the_run_which_goes_on_elsewhere() {
    for (arguments, signal) in
        [(&[][..], "-KILL"), (&[], "-STOP"), (&["--websocket"], "-KILL"), (&["--websocket"], "-STOP")]
    {
        let worker = Worker::start(arguments);
        let runs = tempfile::tempdir().unwrap();
        let run = runs.path().join("run");
        let child = train(&worker.name, 500, &run).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        wait_for_epochs(&run, 1);
        worker.signal(signal);
        let message = lost(child);
        assert!(message.contains("is lost") && message.contains(worker.place()), "{message}");
        goes_on(&run);
    }
}

#[test]
#[cfg(all(feature = "tui", target_os = "linux"))]
fn the_terminal_is_given_back_where_a_worker_is_lost() {
    use super::dashboard::{Ended, Terminal};

    for arguments in [&[][..], &["--websocket"]] {
        let worker = Worker::start(arguments);
        let runs = tempfile::tempdir().unwrap();
        let run = runs.path().join("run");
        let mut terminal = Terminal::start(&train(&worker.name, 500, &run));
        terminal.wait_for_epochs(&run, 1);
        worker.signal("-KILL");
        let Ended { code, after, .. } = terminal.end();
        assert!(code == Some(1) && after.contains("is lost"), "{code:?} {after}");
        assert!(after.contains("epoch   1/500  loss "), "{after}");
        goes_on(&run);
    }
}

#[test]
fn a_worker_that_does_not_answer_is_given_up() {
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let stopped = Worker::start(&["--websocket"]);
    stopped.signal("-STOP");
    // The identity of a worker that is no more.
    let id = Worker::start(&[]).name.split_once('@').unwrap().0.to_string();
    let silent = [
        format!("remote:ws://{}", tcp.local_addr().unwrap()),
        format!("{id}@{}", udp.local_addr().unwrap()),
        stopped.name.clone(),
    ];
    for name in silent {
        let message = failure(client().args(["devices", &name]));
        assert!(message.contains("can't be reached: nothing answered in 8 s"), "{message}");
        assert!(message.contains(name.strip_prefix("remote:").unwrap()), "{message}");
    }
}

#[test]
fn the_devices_of_one_worker_share_each_update() {
    let worker = Worker::of(&format!("{DEVICE},{DEVICE}"), &[]);
    assert_eq!(worker.line.trim(), format!("device = [{:?}, {:?}]", worker.name, format!("{}/1", worker.name)));
    let runs = tempfile::tempdir().unwrap();
    let devices = format!("{0},{0}/1", worker.name);
    let (_, notes) = success(&mut train(&devices, 1, &runs.path().join("run")));
    assert!(notes.contains("a batch of each of the 2 devices"), "{notes}");
    worker.says("is here for device 1");
}

#[test]
fn a_client_that_is_interrupted_or_killed_leaves_the_worker_serving() {
    let worker = Worker::start(&[]);
    let runs = tempfile::tempdir().unwrap();
    for (signal, code) in [("-INT", Some(130)), ("-KILL", None)] {
        let run = runs.path().join(signal);
        let mut child = train(&worker.name, 500, &run).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_for_epochs(&run, 1);
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), code);
    }
    success(client().args(["--config", "config/smoke.toml", "--dry-run", "--device", &worker.name]));
}

#[test]
fn a_loss_that_is_no_number_is_noticed_there_too() {
    let worker = Worker::start(&["--websocket"]);
    let runs = tempfile::tempdir().unwrap();
    // Fewer batches than are read at once.
    let mut command = train(&worker.name, 1, &runs.path().join("run"));
    for setting in DIVERGING.into_iter().chain(["training.batch_size=500"]) {
        command.args(["--set", setting]);
    }
    let message = failure(&mut command);
    assert!(message.contains("the training diverged in epoch 1"), "{message}");
}

#[test]
fn two_workers_share_each_update() {
    let workers = [Worker::start(&[]), Worker::start(&[])];
    let runs = tempfile::tempdir().unwrap();
    let devices = format!("{},{}", workers[0].name, workers[1].name);
    let (_, notes) = success(&mut train(&devices, 1, &runs.path().join("run")));
    assert!(notes.contains("a batch of each of the 2 devices"), "{notes}");
}

#[test]
#[ignore = "six minutes: twenty trainings, each as long as it takes until its worker is killed and a bit more"]
fn twenty_kills_at_any_moment_lose_no_epoch_and_hang_nothing() {
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos();
    for kill in 0..20u32 {
        let worker = Worker::start(if kill % 2 == 0 { &[] } else { &["--websocket"] });
        let runs = tempfile::tempdir().unwrap();
        let run = runs.path().join("run");
        let child = train(&worker.name, 500, &run).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        // From before the first epoch to after several.
        let moment = Duration::from_millis(u64::from((seed ^ kill.wrapping_mul(2_654_435_761)) % 6_000));
        thread::sleep(moment);
        worker.signal("-KILL");
        let message = lost(child);
        assert!(message.contains(worker.place()), "{moment:?}: {message}");

        // It may not have begun when its worker was gone. The files of an epoch may be about to be written when its line is
        // there.
        if run.join("record.json").exists() {
            let told = message.lines().filter(|line| line.starts_with("epoch ")).count();
            assert!(kept(&run).len() + 1 >= told, "{moment:?}: {message}");
            goes_on(&run);
        }
    }
}

#[test]
#[ignore = "minutes: nine trainings, six of them through workers"]
fn two_workers_reach_the_validation_error_of_one_device_within_the_spread_over_seeds() {
    let workers = [Worker::start(&[]), Worker::start(&[])];
    let two = format!("{},{}", workers[0].name, workers[1].name);
    let runs = tempfile::tempdir().unwrap();
    // Ten thousand images; two batches of 32 make an update of 64.
    let error = |device: &str, batch: usize, seed: usize| {
        let run = runs.path().join(format!("{batch}-{seed}"));
        let mut command = client();
        command.args(["train", "--no-test", "--device", device, "--run"]).arg(&run);
        for setting in ["model.hidden=[256]", "training.limit=0.2", "data.validation=10000", "training.epochs=3"] {
            command.args(["--set", setting]);
        }
        success(command.args(["--set", &format!("training.batch_size={batch}"), "--set", &format!("seed={seed}")]));
        let record: Value = serde_json::from_slice(&fs::read(run.join("record.json")).unwrap()).unwrap();
        assert_eq!(record["data"]["training_images"], 10_000);
        let metrics = fs::read_to_string(run.join("metrics.csv")).unwrap();
        let accuracy: f64 = metrics.lines().last().unwrap().split(',').nth(4).unwrap().parse().unwrap();
        100.0 * (1.0 - accuracy)
    };
    let mean = |errors: &[f64]| errors.iter().sum::<f64>() / errors.len() as f64;
    let one: Vec<f64> = (1..=3).map(|seed| error(DEVICE, 64, seed)).collect();
    let both: Vec<f64> = (1..=3).map(|seed| error(&two, 32, seed)).collect();
    let spread = one.iter().map(|error| (error - mean(&one)).powi(2)).sum::<f64>() / (one.len() - 1) as f64;
    println!("validation error of one device {one:.2?} %, of two workers {both:.2?} %");
    assert!((mean(&one) - mean(&both)).abs() <= 2.0 * spread.sqrt().max(0.05), "{one:?} {both:?}");
}
