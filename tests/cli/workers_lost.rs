//! Workers and clients that are lost, and the effect on the other side.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::working::{Worker, client, saved_epochs, train, wait_for_epochs};
use super::{DEVICE, success};

/// The stderr of a training whose worker is lost. It must fail in time and without a panic.
fn lost(child: Child) -> String {
    let start = Instant::now();
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    let message = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(7), "{message}");
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}: {message}", start.elapsed());
    assert!(!message.contains("panicked"), "{message}");
    message
}

/// Resumes a run on this machine for one more epoch, which must follow the saved ones.
fn resumes(run: &Path) {
    let before = saved_epochs(run);
    let more = format!("training.epochs={}", before.len() + 1);
    let (_, notes) = success(client().arg("resume").arg(run).args(["--device", DEVICE, "--set", &more]));
    let first = format!("epoch {0}/{0} ", before.len() + 1);
    let epochs: Vec<_> = notes.lines().filter(|line| line.starts_with("epoch ")).collect();
    assert!(epochs.len() == 1 && epochs[0].starts_with(&first), "{before:?}: {notes}");
    let after = saved_epochs(run);
    assert!(after.len() == before.len() + 1 && after.starts_with(&before), "{before:?} {after:?}");
}

#[test]
fn worker_that_dies_or_hangs_ends_the_run_which_resumes_elsewhere() {
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
        assert!(message.contains("is lost") && message.contains(worker.host()), "{message}");
        resumes(&run);
    }
}

#[test]
#[cfg(all(feature = "tui", target_os = "linux"))]
fn terminal_is_restored_when_a_worker_is_lost() {
    use super::dashboard::{Ended, Terminal};

    for arguments in [&[][..], &["--websocket"]] {
        let worker = Worker::start(arguments);
        let runs = tempfile::tempdir().unwrap();
        let run = runs.path().join("run");
        let mut terminal = Terminal::start(&train(&worker.name, 500, &run));
        terminal.wait_for_epochs(&run, 1);
        worker.signal("-KILL");
        let Ended { code, after, .. } = terminal.end();
        assert!(code == Some(7) && after.contains("is lost"), "{code:?} {after}");
        assert!(after.contains("epoch   1/500  loss "), "{after}");
        resumes(&run);
    }
}

#[test]
fn client_that_is_interrupted_or_killed_leaves_the_worker_serving() {
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
#[ignore = "six minutes: twenty trainings, each as long as it takes until its worker is killed and a bit more"]
fn workers_killed_at_any_moment_lose_no_epoch_and_hang_nothing() {
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
        assert!(message.contains(worker.host()), "{moment:?}: {message}");

        // The worker may be lost before the training starts. An epoch's line may be printed shortly before its files
        // are written.
        if run.join("record.json").exists() {
            let reported = message.lines().filter(|line| line.starts_with("epoch ")).count();
            assert!(saved_epochs(&run).len() + 1 >= reported, "{moment:?}: {message}");
            resumes(&run);
        }
    }
}
