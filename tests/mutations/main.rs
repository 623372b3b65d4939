//! Files as a full disk, a bad cable or an attacker makes them. Whatever they contain, reading them gives a result
//! within its documented ranges or an error that names the file. It never panics, and takes no more memory than the
//! file justifies.
//!
//! - `idx`: images and labels, plain and gzipped;
//! - `configs`: the shipped configs and `--set`;
//! - `models`: safetensors files;
//! - `runs`: a run's `record.json` and `config.toml`, with an undamaged model;
//! - `results`: a run's `metrics.csv` and `evaluation.json`;
//! - `pictures`: PNG and JPEG;
//! - `mutator`: the damage.
//!
//! Images and configs are damaged a few thousand times. The tests with many more cases are ignored by default.

mod configs;
mod idx;
mod models;
mod mutator;
mod pictures;
mod results;
mod runs;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use peak_alloc::PeakAlloc;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Memory is counted for the whole process, so each test holds this lock while it runs.
fn alone() -> MutexGuard<'static, ()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Case `n` draws from stream `n` of this seed, so that it can be repeated alone.
const SEED: u64 = 1;

/// A backend of this build that is a CPU.
const DEVICE: &str = if cfg!(feature = "ndarray") { "ndarray" } else { "flex" };

/// One damaged file, or a few, ready to be read.
struct Case<Read> {
    /// Reads the files and checks the result. An error is given as its message.
    read: Read,
    /// The most memory, in bytes, that reading them may take at any time.
    justified: usize,
    /// The paths. An error must name one of them.
    paths: Vec<String>,
}

/// Runs `count` cases that `prepare` makes. Some must be read, and some refused.
fn each<Read: FnOnce() -> Result<(), String>>(count: u64, mut prepare: impl FnMut(&mut ChaCha8Rng) -> Case<Read>) {
    let _alone = alone();
    let started = Instant::now();
    let (mut read, mut refused, mut most) = (0, 0, 0.0_f64);
    for number in 0..count {
        let mut generator = ChaCha8Rng::seed_from_u64(SEED);
        generator.set_stream(number);
        let case = prepare(&mut generator);
        let what = format!("case {number} of seed {SEED}");

        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let outcome = catch_unwind(AssertUnwindSafe(case.read));
        let taken = MEMORY.peak_usage().saturating_sub(before);

        match outcome.unwrap_or_else(|_| panic!("{what} panicked, as said above")) {
            Ok(()) => read += 1,
            Err(message) => {
                refused += 1;
                assert!(case.paths.iter().any(|path| message.contains(path)), "{what} names no file: {message}");
            }
        }
        assert!(taken <= case.justified, "{what} took {taken} bytes of memory, and not {}", case.justified);
        most = most.max(taken as f64 / case.justified as f64);
    }
    let (percent, seconds) = (100.0 * most, started.elapsed().as_secs_f64());
    println!("{count} cases in {seconds:.1} s: {read} read, {refused} refused, {percent:.0} % of the memory justified");
    assert!(read > 0 && refused > 0, "{read} of {count} were read: the damage is too mild or too great");
}

/// A folder for damaged files, in memory if the system has such a file system, because there are very many.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// The path as messages show it.
fn shown(path: &Path) -> String {
    path.display().to_string()
}
