//! `[data]`: bundled data, downloaded data and the user's own data.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::server::{Answer, Server};
use super::{DEVICE, failure, folders, program, stdout, success};

fn bundled(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("data/mnist").join(name)).unwrap()
}

/// A command for a very short training of a tiny network.
fn quick(runs: &Path) -> std::process::Command {
    let mut command = program();
    command.args(["--config", "config/smoke.toml", "--device", DEVICE]);
    command.args(["--set", "training.epochs=1", "--set", "training.batch_size=4096", "--set", "model.hidden=[2]"]);
    command.arg("--runs").arg(runs);
    command
}

#[test]
fn bundled_data_is_found_from_anywhere_inside_the_checkout() {
    let runs = tempfile::tempdir().unwrap();
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/data");
    let mut command = program();
    command
        .current_dir(src)
        .args(["--config", "../../config/smoke.toml", "--device", DEVICE, "--runs"])
        .arg(runs.path());
    command.args(["--set", "training.epochs=1", "--set", "training.batch_size=4096", "--set", "model.hidden=[2]"]);
    assert!(stdout(&mut command).contains("of 10000"));
}

#[test]
fn missing_data_files_are_downloaded_checked_and_saved() {
    let folder = tempfile::tempdir().unwrap();
    let mirror = Server::start(|name| Answer::File(bundled(name)));
    let data = folder.path().join("fetched");
    let mut command = quick(&folder.path().join("runs"));
    command.args(["--set", &format!("data.dir={}", data.display())]);
    command.args(["--set", &format!("data.mirrors=[\"{}\"]", mirror.address)]);
    // It may be mistyped.
    let message = failure(&mut command);
    assert!(message.contains("fetched: correct data.dir, or make the folder") && !data.exists(), "{message}");
    fs::create_dir(&data).unwrap();
    assert!(stdout(&mut command).contains("of 10000"));
    assert_eq!(mirror.requests(), 4);
    assert_eq!(folders(&data).len(), 4);
    assert!(fs::read(data.join("train-images-idx3-ubyte.gz")).unwrap() == bundled("train-images-idx3-ubyte.gz"));

    stdout(&mut command);
    assert_eq!(mirror.requests(), 4, "existing files are not downloaded again");
}

#[test]
fn download_that_fails_at_every_mirror_reports_the_attempts_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let (absent, stalled) = (Server::start(|_| Answer::NotFound), Server::start(|name| Answer::Stalled(bundled(name))));
    let (cut, corrupt) = (
        Server::start(|name| Answer::Truncated(bundled(name))),
        Server::start(|name| Answer::File(bundled(name).into_iter().map(|byte| byte ^ 1).collect())),
    );
    let mirrors = [&absent, &stalled, &cut, &corrupt].map(|mirror| mirror.address.clone());
    let data = folder.path().join("fetched/mnist");
    let mut command = quick(&folder.path().join("runs"));
    command.env("MNIST_BURN_TIMEOUT", "2").env("MNIST_BURN_DATA", folder.path().join("fetched"));
    let message = failure(command.args(["--set", &format!("data.mirrors={mirrors:?}")]));
    assert!(mirrors.iter().all(|mirror| message.contains(mirror)), "{message}");
    assert!(message.contains("404") && message.contains("by hand"), "{message}");
    assert!(message.contains(data.to_str().unwrap()), "{message}");
    assert!(!data.exists(), "neither a partial file nor a folder that a mistake may have named stays");
}

#[test]
fn folder_of_images_in_place_of_idx_files_is_told_its_key() {
    let folder = tempfile::tempdir().unwrap();
    for class in ["circle", "cross"] {
        fs::create_dir(folder.path().join(class)).unwrap();
        for number in 1..=4 {
            fs::copy(
                format!("tests/drawn/digits/1-bare-{number}.png"),
                folder.path().join(class).join(format!("{number}.png")),
            )
            .unwrap();
        }
    }
    let mut command = quick(&folder.path().join("runs"));
    let message = failure(command.args(["--set", &format!("data.dir={}", folder.path().display())]));
    assert!(message.contains("and no IDX files: set data.dataset = \"image-folder\""), "{message}");
}

/// Forwards requests over TLS to the plain server at `address`, with a certificate that a company's own authority has
/// signed. Returns its own address.
fn encrypted(address: &str) -> String {
    let file = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certificates").join(name);
    let certificate = CertificateDer::from_pem_file(file("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let config = Arc::new(builder.with_single_cert(vec![certificate], key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let plain = address.trim_start_matches("http://").trim_end_matches('/').to_string();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // A client that does not trust the certificate hangs up.
            let forward = || -> std::io::Result<()> {
                let mut client = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), client);
                let mut request = vec![];
                let mut reader = BufReader::new(&mut client);
                while !request.ends_with(b"\r\n\r\n") && reader.read_until(b'\n', &mut request)? > 0 {}
                let mut server = TcpStream::connect(&plain)?;
                server.write_all(&request)?;
                let mut answer = vec![];
                server.read_to_end(&mut answer)?;
                client.write_all(&answer)?;
                client.conn.send_close_notify();
                client.flush()
            };
            let _ = forward();
        }
    });
    format!("https://localhost:{port}/")
}

#[test]
#[cfg(target_os = "linux")]
fn certificate_of_a_company_is_trusted_if_the_system_trusts_it() {
    let folder = tempfile::tempdir().unwrap();
    let mirror = Server::start(|name| Answer::File(bundled(name)));
    let data = folder.path().join("fetched");
    fs::create_dir(&data).unwrap();
    let mut command = quick(&folder.path().join("runs"));
    command.args(["--set", &format!("data.dir={}", data.display())]);
    command.args(["--set", &format!("data.mirrors=[\"{}\"]", encrypted(&mirror.address))]).arg("--dry-run");
    let message = failure(&mut command);
    assert!(message.contains("invalid peer certificate") && message.contains("in SSL_CERT_FILE"), "{message}");
    let authority = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certificates/ca.pem");
    stdout(command.env("SSL_CERT_FILE", authority));
    assert_eq!(folders(&data).len(), 4);
}

#[test]
fn named_data_set_with_a_changed_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("mnist");
    fs::create_dir(&data).unwrap();
    for name in ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz"] {
        fs::write(data.join(name), bundled(name)).unwrap();
    }
    let mut changed = bundled("t10k-labels-idx1-ubyte.gz");
    changed[100] ^= 1;
    fs::write(data.join("t10k-labels-idx1-ubyte.gz"), changed).unwrap();
    let mut command = quick(folder.path());
    let message = failure(command.args(["--set", &format!("data.dir={}", data.display())]));
    assert!(message.contains("t10k-labels-idx1-ubyte.gz is not the published file"), "{message}");
}

/// Writes uncompressed IDX files: `count` images of 5 by 4 pixels in three classes, each with a bright row of its own.
pub fn write_own(folder: &Path, part: &str, count: usize) {
    let labels: Vec<u8> = (0..count).map(|i| (i % 3) as u8).collect();
    let pixels: Vec<u8> = labels
        .iter()
        .flat_map(|&label| (0..20).map(move |p| if p / 4 == usize::from(label) { 200 } else { 10 }))
        .collect();
    let count = (count as u32).to_be_bytes();
    let header = [&[0, 0, 8, 3], &count[..], &[0, 0, 0, 5, 0, 0, 0, 4]].concat();
    fs::write(folder.join(format!("{part}-images-idx3-ubyte")), [header, pixels].concat()).unwrap();
    let header = [&[0, 0, 8, 1], &count[..]].concat();
    fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), [header, labels].concat()).unwrap();
}

#[test]
fn idx_files_of_the_user_bring_their_own_size_and_classes() {
    let folder = tempfile::tempdir().unwrap();
    write_own(folder.path(), "train", 300);
    write_own(folder.path(), "t10k", 30);
    let runs = folder.path().join("runs");
    let mut command = program();
    command.args(["--config", "config/smoke.toml", "--device", DEVICE, "--runs"]).arg(&runs);
    command.args(["--set", "data.dataset=idx", "--set", &format!("data.dir={}", folder.path().display())]);
    command.args(["--set", "data.validation=30", "--set", "training.batch_size=10", "--set", "training.epochs=5"]);
    let report = stdout(&mut command);
    assert!(report.contains("wrong           0 of 30"), "{report}");
    let record = fs::read_to_string(folders(&runs)[0].join("record.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    assert_eq!(
        (&record["data"]["height"], &record["data"]["width"], &record["data"]["classes"]),
        (&5.into(), &4.into(), &3.into())
    );
}

#[test]
fn classes_without_images_are_warnings() {
    let folder = tempfile::tempdir().unwrap();
    write_own(folder.path(), "train", 300);
    write_own(folder.path(), "t10k", 2);
    let path = folder.path().join("train-labels-idx1-ubyte");
    let labels: Vec<u8> = fs::read(&path).unwrap();
    // The labels 0, 1 and 2 become 1, 2 and 3.
    let (header, labels) = labels.split_at(8);
    fs::write(&path, [header, &labels.iter().map(|label| label + 1).collect::<Vec<_>>()].concat()).unwrap();
    let mut command = quick(&folder.path().join("runs"));
    command.args(["--set", "data.dataset=idx", "--set", &format!("data.dir={}", folder.path().display())]);
    let (_, message) = success(command.args(["--set", "data.validation=30", "--dry-run"]));
    assert!(message.contains("warning: no training image has the label 0, "), "{message}");
    assert!(message.contains("set data.classes = [1, 2, 3] for those alone that there are"), "{message}");
    assert!(message.contains("warning: no test image shows 2, 3: "), "{message}");
}

#[test]
fn damaged_idx_file_is_an_error_with_its_cause() {
    let folder = tempfile::tempdir().unwrap();
    write_own(folder.path(), "train", 300);
    write_own(folder.path(), "t10k", 30);
    let path = folder.path().join("train-images-idx3-ubyte");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let mut command = quick(&folder.path().join("runs"));
    command.args(["--set", "data.dataset=idx", "--set", &format!("data.dir={}", folder.path().display())]);
    let message = failure(&mut command);
    assert!(
        message.contains("train-images-idx3-ubyte is not a usable IDX file") && message.contains("because:"),
        "{message}"
    );
}

#[test]
fn validation_split_larger_than_the_data_is_an_error_that_names_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let message = failure(quick(folder.path()).args(["--set", "data.validation=60000"]));
    assert!(message.contains("data.validation = 60000"), "{message}");
}

#[test]
fn labels_that_cannot_be_balanced_over_the_classes_are_an_error_with_the_maximum() {
    let folder = tempfile::tempdir().unwrap();
    let message = failure(quick(folder.path()).args(["--set", "data.labels=60000"]));
    // 5,421 images show a five. A twelfth of them is held out for validation.
    assert!(message.contains("data.labels = 60000 takes a whole number from 10 to 49690 here"), "{message}");
}

#[test]
fn run_is_not_resumed_with_other_data() {
    let folder = tempfile::tempdir().unwrap();
    write_own(folder.path(), "train", 300);
    write_own(folder.path(), "t10k", 30);
    let run = folder.path().join("run");
    let mut command = program();
    command.args(["train", "--config", "config/smoke.toml", "--device", DEVICE, "--run"]).arg(&run);
    command.args(["--set", "data.dataset=idx", "--set", &format!("data.dir={}", folder.path().display())]);
    command.args(["--set", "data.validation=30"]);
    stdout(&mut command);
    write_own(folder.path(), "train", 330);
    let message = failure(program().arg("resume").arg(&run).args(["--set", "training.epochs=3"]));
    assert!(message.contains("the data files differ from those that it was started with"), "{message}");
}
