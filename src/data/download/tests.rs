//! Downloads of the smallest file of MNIST from good and bad mirrors on this machine.

use tempfile::TempDir;

use super::*;
use crate::{
    config::Dataset,
    data::tests::server::{Answer, Server},
};

const NAME: &str = "t10k-labels-idx1-ubyte.gz";

/// Long enough for a busy machine, short enough for a test that waits for its end.
const SHORT: Option<Duration> = Some(Duration::from_secs(3));

fn published() -> &'static Published {
    &Source::of(Dataset::Mnist).unwrap().files[3]
}

/// The file as it was published.
fn file() -> Vec<u8> {
    fs::read(format!("{}/data/mnist/{NAME}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn mirror(answer: fn(Vec<u8>) -> Answer) -> Server {
    Server::start(move |name| if name == NAME { answer(file()) } else { Answer::NotFound })
}

/// An address on which nothing listens.
fn closed_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/", listener.local_addr().unwrap())
}

fn fetch_from(mirrors: &[String], dir: &Path) -> Result<PathBuf, DataError> {
    download(NAME, published(), mirrors, dir, SHORT, &silent)
}

/// The reason why the answer of a mirror is refused. Nothing of it may stay in the folder.
fn refusal(answer: fn(Vec<u8>) -> Answer) -> String {
    let dir = TempDir::new().unwrap();
    let server = mirror(answer);
    let error = fetch_from(std::slice::from_ref(&server.address), dir.path()).unwrap_err();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "the folder is not empty");
    match error {
        DataError::Download { mut attempts, .. } => attempts.remove(0).1.to_string(),
        other => panic!("{other}"),
    }
}

#[test]
fn download_from_a_good_mirror_stores_the_file_and_nothing_else() {
    let dir = TempDir::new().unwrap();
    let server = mirror(Answer::File);
    let into = dir.path().join("made/on/the/way");
    let path = fetch_from(&[server.address.trim_end_matches('/').into()], &into).unwrap();
    assert_eq!(path, into.join(NAME));
    assert_eq!(fs::read(path).unwrap(), file());
    assert_eq!(fs::read_dir(into).unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn downloaded_file_has_the_permissions_of_any_new_file() {
    use std::os::unix::fs::PermissionsExt;
    let dir = TempDir::new().unwrap();
    let server = mirror(Answer::File);
    let path = fetch_from(std::slice::from_ref(&server.address), dir.path()).unwrap();
    let other = dir.path().join("other");
    fs::write(&other, "").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&path), mode(&other));
}

#[test]
fn mirror_without_the_file_is_refused() {
    assert_eq!(refusal(|_| Answer::NotFound), "http status: 404");
}

#[test]
fn truncated_download_is_refused() {
    assert_eq!(refusal(Answer::Truncated), "io: Peer disconnected");
}

#[test]
fn corrupt_download_is_refused() {
    let corrupt = |mut file: Vec<u8>| {
        file[100] ^= 1;
        Answer::File(file)
    };
    let refusal = refusal(corrupt);
    assert!(refusal.starts_with("sent a file with SHA-256 "), "{refusal}");
    assert!(refusal.ends_with(&published().sha256), "{refusal}");
}

#[test]
fn page_in_place_of_the_file_is_refused() {
    assert_eq!(refusal(|_| Answer::File(b"<html>log in</html>".into())), "sent fewer bytes than the 4542 of the file");
}

#[test]
fn download_without_end_is_refused_soon() {
    assert_eq!(refusal(|_| Answer::File(vec![0; 64 << 20])), "sent more bytes than the 4542 of the file");
}

#[test]
fn mirror_that_stalls_is_given_up() {
    let refusal = refusal(Answer::Stalled);
    assert_eq!(refusal, "no answer in time; set MNIST_BURN_TIMEOUT=<seconds> to wait longer");
}

#[test]
fn mirror_that_never_answers_is_given_up() {
    let dir = TempDir::new().unwrap();
    // The system accepts the connection, but nothing ever reads from it.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mirror = format!("http://{}/", listener.local_addr().unwrap());
    let error = fetch_from(&[mirror], dir.path()).unwrap_err().to_string();
    assert!(error.contains("no answer in time"), "{error}");
}

#[test]
fn download_tries_the_next_mirror_after_a_bad_one() {
    let dir = TempDir::new().unwrap();
    let (bad, good) = (mirror(|_| Answer::NotFound), mirror(Answer::File));
    let mirrors = [closed_address(), bad.address.clone(), good.address.clone()];
    fetch_from(&mirrors, dir.path()).unwrap();
    assert_eq!((bad.requests(), good.requests()), (1, 1));
    assert_eq!(fs::read(dir.path().join(NAME)).unwrap(), file());
}

#[test]
fn download_error_lists_each_address_and_why_it_failed() {
    let dir = TempDir::new().unwrap();
    let (absent, server) = (closed_address(), mirror(|_| Answer::NotFound));
    let mirrors = [absent.clone(), server.address.clone(), "no address".into()];
    let error = fetch_from(&mirrors, dir.path()).unwrap_err().to_string();
    let lines: Vec<_> = error.lines().collect();
    assert_eq!(lines[0], format!("cannot download {NAME}"));
    assert!(lines[1].starts_with(&format!("  {absent}{NAME}: io: Connection refused")), "{error}");
    assert_eq!(lines[2], format!("  {}{NAME}: http status: 404", server.address));
    assert!(lines[3].starts_with(&format!("  no address/{NAME}: ")), "{error}");
    let dir = dir.path().display();
    assert_eq!(
        lines[4],
        format!(
            "put the file into {dir} by hand, name the folder that holds mnist/ in MNIST_BURN_DATA, or another address in data.mirrors"
        )
    );
}

#[test]
fn empty_list_of_mirrors_is_reported() {
    let dir = TempDir::new().unwrap();
    let error = fetch_from(&[], dir.path()).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot download {NAME}: data.mirrors names no address\n")), "{error}");
}

#[test]
fn folder_that_cannot_be_created_is_reported_before_any_download() {
    let dir = TempDir::new().unwrap();
    let blocked = dir.path().join("file/folder");
    fs::write(dir.path().join("file"), "").unwrap();
    let server = mirror(Answer::File);
    let error = fetch_from(std::slice::from_ref(&server.address), &blocked).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot write {}: check the free space", blocked.display())), "{error}");
    assert_eq!(server.requests(), 0);
}

#[test]
fn folder_with_the_name_of_the_file_is_reported() {
    let dir = TempDir::new().unwrap();
    fs::create_dir(dir.path().join(NAME)).unwrap();
    let server = mirror(Answer::File);
    let error = fetch_from(std::slice::from_ref(&server.address), dir.path()).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot write {}:", dir.path().join(NAME).display())), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "the temporary file was not removed");
}

#[test]
fn timeout_is_a_number_of_seconds_above_0() {
    assert_eq!(timeout("0.5").unwrap(), Duration::from_millis(500));
    assert_eq!(timeout("60").unwrap(), Duration::from_secs(60));
    for value in ["", "soon", "0", "-1", "nan", "inf", "1e300"] {
        let error = timeout(value).unwrap_err().to_string();
        let expected =
            format!("MNIST_BURN_TIMEOUT={value} is not a time in seconds: set a number above 0, or unset it");
        assert_eq!(error, expected);
    }
}

#[test]
fn published_checksums_are_64_lower_case_hexadecimal_digits_and_all_different() {
    let mut sums: Vec<_> = SOURCES.values().flat_map(|source| &source.files).map(|file| &file.sha256).collect();
    assert!(sums.iter().all(|sum| sum.len() == 64 && sum.bytes().all(|c| b"0123456789abcdef".contains(&c))));
    sums.sort_unstable();
    sums.dedup();
    assert_eq!(sums.len(), 12);
}

#[test]
fn bundled_mnist_files_are_the_published_ones() {
    for (name, published) in NAMES.iter().zip(&SOURCES["mnist"].files) {
        let path = format!("{}/data/mnist/{name}.gz", env!("CARGO_MANIFEST_DIR"));
        assert_eq!(std::fs::metadata(&path).unwrap().len(), published.size, "{path}");
        assert_eq!(checksum::of_file(path.as_ref()).unwrap(), published.sha256, "{path}");
    }
}
