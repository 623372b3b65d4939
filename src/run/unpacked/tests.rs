use std::{collections::BTreeMap, error::Error, fs, panic::catch_unwind};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::config::{self, Experiment, Init};
use crate::device;
use crate::model::{Mlp, Pretrained};
use crate::text::chain;
use mutator::damage;

#[allow(dead_code, reason = "the tests of damaged files use the rest")]
#[path = "../../../tests/mutations/mutator.rs"]
mod mutator;

/// Damages a file 5,000 times, and reads it with `read`. It must be read, or refused by its name.
fn check(ending: &str, file: &[u8], donor: &[u8], read: fn(&Path) -> Result<(), Box<dyn Error>>) {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let path = folder.path().join("damaged").with_extension(ending);
    let mut refused = 0;
    for number in 0..5_000 {
        let mut generator = ChaCha8Rng::seed_from_u64(1);
        generator.set_stream(number);
        let mut bytes = file.to_vec();
        damage(&mut bytes, donor, &mut generator);
        fs::write(&path, &bytes).unwrap();
        let outcome = catch_unwind(|| read(&path).map_err(|error| chain(&*error)));
        let outcome = outcome.unwrap_or_else(|_| panic!("case {number} of {ending} panicked, as said above"));
        if let Err(message) = outcome {
            refused += 1;
            assert!(message.contains("damaged."), "case {number} of {ending} names no file: {message}");
        }
    }
    assert!((500..5_000).contains(&refused), "{refused} of 5000 damaged {ending} files were refused");
}

fn start_from(path: &Path) -> Result<(), Box<dyn Error>> {
    let experiment = Experiment::default();
    Pretrained::from_file(path)?.unwrapped(&experiment).map(drop).or(Ok(()))
}

#[test]
fn damaged_files_of_weights_of_other_programs_are_refused_by_name() {
    let outside = |ending| fs::read(Path::new("tests/weights/outside").with_extension(ending)).unwrap();
    for ending in ["pt", "safetensors"] {
        check(ending, &outside(ending), &outside("pt"), start_from);
    }
}

#[test]
fn damaged_files_that_describe_their_model_are_refused_by_name() {
    let described = |hidden: &str| {
        let experiment = config::load(None, &[format!("model.hidden={hidden}")]).unwrap();
        let device = device::open(device::Backend::cpu().unwrap().name()).unwrap().device;
        let network = Mlp::new(&experiment.model, &Init::default(), 784, 10, Some(1), &device);
        let data = DataRecord { height: 28, width: 28, classes: 10, ..DataRecord::default() };
        let record = Record { data, ..Record::default() };
        let entries: BTreeMap<_, _> = record.description(&experiment.model).entries();
        weights::with_metadata(&weights::to_bytes(&network).unwrap(), entries, Path::new("a")).unwrap()
    };
    let (file, donor) = (described("[1]"), described("[2]"));
    check("safetensors", &file, &donor, start_from);
    check("safetensors", &file, &donor, |path| Ok(unpack_model(path).map(drop)?));
}
