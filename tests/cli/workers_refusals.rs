//! Connections that a worker refuses, addresses without a worker, and malformed messages.

use std::thread;

use tungstenite::Message;

use super::working::{TOKEN, Worker, client, stranger};
use super::{DEVICE, failure, success};

#[test]
fn token_is_needed_to_serve_and_to_connect() {
    let without = |arguments: &[&str]| failure(stranger().args(arguments));
    assert!(without(&["worker", "--device", DEVICE]).contains("the token is missing"));
    assert!(without(&["devices", "remote:ws://127.0.0.1:1"]).contains("the token is missing"));
    let short = failure(stranger().env("MNIST_BURN_TOKEN", "secret").args(["worker", "--device", DEVICE]));
    assert!(short.contains("fewer than 16 characters") && !short.contains("secret"), "{short}");
    let missing = failure(stranger().env("MNIST_BURN_TOKEN_FILE", "no/file").args(["worker", "--device", DEVICE]));
    assert!(missing.contains("can't read the token file no/file") && missing.contains("because: "), "{missing}");
}

#[test]
fn worker_refuses_a_wrong_token_and_a_missing_device_with_the_reason_on_both_sides() {
    for arguments in [&[][..], &["--websocket"]] {
        let worker = Worker::start(arguments);
        let message =
            failure(stranger().env("MNIST_BURN_TOKEN", "another long enough token").args(["devices", &worker.name]));
        assert!(message.contains("refused the connection: the token") && message.contains(worker.host()), "{message}");
        worker.wait_for("presented the wrong token");

        let message = failure(client().args(["--dry-run", "--device", &format!("{}/1", worker.name)]));
        assert!(message.contains("no device with this number: it has 1"), "{message}");
        worker.wait_for("asked for device 1, but this server hosts 1");
    }
}

#[test]
fn worker_that_cannot_be_reached_is_named() {
    let message = failure(client().args(["devices", "remote:ws://127.0.0.1:1"]));
    assert!(message.contains("ws://127.0.0.1:1 can't be reached") && message.contains("refused"), "{message}");
    let message = failure(client().args(["devices", "remote:ws://no.such.host.invalid:1"]));
    assert!(message.contains("no.such.host.invalid:1 can't be reached"), "{message}");
}

#[test]
fn worker_that_does_not_answer_is_given_up() {
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let stopped = Worker::start(&["--websocket"]);
    stopped.signal("-STOP");
    // The identity of a worker that has ended.
    let id = Worker::start(&[]).name.split_once('@').unwrap().0.to_string();
    let silent = [
        format!("remote:ws://{}", tcp.local_addr().unwrap()),
        format!("{id}@{}", udp.local_addr().unwrap()),
        stopped.name.clone(),
    ];
    for name in silent {
        let message = failure(client().args(["devices", &name]));
        assert!(message.contains("can't be reached: no answer within 8 s"), "{message}");
        assert!(message.contains(name.strip_prefix("remote:").unwrap()), "{message}");
    }
}

/// The first message of a session, as Burn's client of protocol `version` sends it.
fn hello(version: u16, token: &str) -> Vec<u8> {
    let session = (version, (7u64,), 0u32, serde_bytes::Bytes::new(token.as_bytes()));
    rmp_serde::to_vec(&[std::collections::BTreeMap::from([("Init", session)])]).unwrap()
}

#[test]
fn worker_of_another_version_is_refused_with_the_reason_on_both_sides() {
    let worker = Worker::start(&["--websocket"]);
    let (mut socket, _) = tungstenite::connect(format!("ws://{}/session", worker.host())).unwrap();
    socket.send(Message::Binary(hello(999, TOKEN).into())).unwrap();
    let answer = String::from_utf8_lossy(&socket.read().unwrap().into_data()).into_owned();
    assert!(answer.contains("IncompatibleProtocol"), "{answer}");
    worker.wait_for("protocol version 999");

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

/// First messages with a few bytes changed, most of them truncated.
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
            let position = usize::from(byte()) % bytes.len();
            bytes[position] = byte();
        }
        bytes.truncate(1 + usize::from(byte()) % bytes.len());
        bytes
    })
}

#[test]
fn worker_keeps_serving_after_ten_thousand_malformed_messages() {
    let worker = Worker::start(&["--websocket"]);
    for (sent, bytes) in malformed().take(10_000).enumerate() {
        // Half of them instead of a first message, half after one. Some go to the route for tensors.
        let route = if sent % 100 == 0 { "data" } else { "session" };
        let (mut socket, _) = tungstenite::connect(format!("ws://{}/{route}", worker.host())).unwrap();
        if sent % 2 == 1 {
            socket.send(Message::Binary(hello(2, TOKEN).into())).unwrap();
        }
        socket.send(Message::Binary(bytes.into())).unwrap();
    }
    worker.wait_for("Invalid remote task batch");
    success(client().args(["--config", "config/smoke.toml", "--dry-run", "--device", &worker.name]));
}

#[test]
fn encrypted_worker_keeps_serving_after_ten_thousand_malformed_messages() {
    let worker = Worker::start(&[]);
    let (id, host) = worker.name.strip_prefix("remote:").unwrap().split_once('@').unwrap();
    // Packets that are not even of its protocol.
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    for bytes in malformed().take(1_000) {
        socket.send_to(&bytes, host).unwrap();
    }
    let peer = iroh::EndpointAddr::new(id.parse().unwrap()).with_ip_addr(host.parse().unwrap());
    let frame = |bytes: &[u8]| [&(bytes.len() as u64).to_le_bytes(), bytes].concat();
    let header = rmp_serde::to_vec(&(1u16, "Session")).unwrap();
    let talk = async {
        let minimal = iroh::endpoint::presets::Minimal;
        let endpoint = iroh::Endpoint::builder(minimal).relay_mode(iroh::RelayMode::Disabled).bind().await.unwrap();
        let connect = || async { endpoint.connect(peer.clone(), burn::server::BURN_REMOTE_ALPN).await.unwrap() };
        let mut connection = connect().await;
        for (sent, bytes) in malformed().take(10_000).enumerate() {
            // A malformed start of a stream closes its connection.
            let starts_malformed = sent % 100 == 0;
            let (mut stream, _) = connection.open_bi().await.unwrap();
            let greeting = if sent % 2 == 1 { frame(&hello(2, TOKEN)) } else { vec![] };
            let first = if starts_malformed { frame(&bytes) } else { frame(&header) };
            stream.write_all(&[first, greeting, frame(&bytes)].concat()).await.unwrap();
            stream.finish().unwrap();
            if starts_malformed {
                connection.closed().await;
                connection = connect().await;
            }
        }
    };
    tokio::runtime::Runtime::new().unwrap().block_on(talk);
    worker.wait_for("Invalid remote task batch");
    success(client().args(["--config", "config/smoke.toml", "--dry-run", "--device", &worker.name]));
}
