//! Tests of run folders: their files, and the errors of reading and writing them.

use std::error::Error;

use super::*;

#[test]
fn run_folder_that_cannot_be_created_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = RunFolder::create(&file.path().join("runs"), &Experiment::default().resolved()).unwrap_err();
    assert_eq!(error.to_string(), format!("can't create the run's folder {}/runs", file.path().display()));
    assert!(error.source().is_some());
}

#[test]
fn folder_that_is_not_empty_never_becomes_a_run_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("here");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("mine"), "").unwrap();
    let error = RunFolder::create_at(&path, &Experiment::default().resolved()).unwrap_err();
    assert_eq!(error.to_string(), format!("{} exists but is not a run folder: choose another folder", path.display()));
    let entries: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(entries, ["here"]);
    assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
}

#[test]
fn file_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::at(&folder.path().join("gone"));
    let error = run.write_config(&Experiment::default().resolved()).unwrap_err();
    assert_eq!(error.to_string(), format!("can't write {}/gone/config.toml", folder.path().display()));
    assert!(error.source().is_some());
}

#[test]
fn tensorboard_file_grows_for_a_reader_that_has_it_open() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::at(folder.path());
    let epoch = |epoch| Epoch {
        epoch,
        train_loss: 0.5,
        train_accuracy: 0.5,
        validation_loss: None,
        validation_accuracy: None,
        seconds: 1.0,
        ..Epoch::default()
    };
    let rate = |_| 0.5;
    let (first, both) = ([epoch(1)], [epoch(1), epoch(2)]);
    let complete = |epochs: &[Epoch]| tensorboard::events(epochs, &rate, 7.0, TRAIN);
    run.write_tensorboard(&first, &rate, 7.0).unwrap();
    let path = folder.path().join("tensorboard/train/events.out.tfevents.mnist-burn");
    let mut open = fs::File::open(&path).unwrap();
    run.write_tensorboard(&both, &rate, 7.0).unwrap();
    let mut seen = vec![];
    io::Read::read_to_end(&mut open, &mut seen).unwrap();
    assert!(seen == complete(&both));

    // A file that ends within an event is completed, and one with more epochs is replaced.
    fs::write(&path, &seen[..seen.len() - 5]).unwrap();
    run.write_tensorboard(&both, &rate, 7.0).unwrap();
    assert!(fs::read(&path).unwrap() == complete(&both));
    run.write_tensorboard(&first, &rate, 7.0).unwrap();
    assert!(fs::read(&path).unwrap() == complete(&first));
}

fn row(epoch: usize, train_loss: f64, validation: Option<f64>) -> Epoch {
    let (validation_loss, validation_accuracy) = (validation.map(|accuracy| 1.0 - accuracy), validation);
    Epoch {
        epoch,
        train_loss,
        train_accuracy: 0.1 + 0.2,
        validation_loss,
        validation_accuracy,
        seconds: 1.5,
        ..Epoch::default()
    }
}

#[test]
fn metrics_are_read_back_exactly_as_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::at(folder.path());
    for epochs in [vec![row(1, 1.0 / 3.0, None)], vec![row(1, 2e-9, Some(0.93)), row(2, 0.1, Some(0.94))]] {
        run.write_metrics(&epochs).unwrap();
        assert_eq!(run.metrics().unwrap(), epochs);
    }
}

#[test]
fn metrics_read_back_a_nan_loss() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::at(folder.path());
    run.write_metrics(&[row(1, f64::NAN, None)]).unwrap();
    assert!(run.metrics().unwrap()[0].train_loss.is_nan());
}

#[test]
fn metrics_ignore_columns_of_later_versions() {
    let folder = tempfile::tempdir().unwrap();
    let table = "epoch,later,train_loss,train_accuracy,validation_loss,validation_accuracy,seconds\n1,x,2,0.5,,,3\n";
    fs::write(folder.path().join("metrics.csv"), table).unwrap();
    let epochs = RunFolder::at(folder.path()).metrics().unwrap();
    assert_eq!((epochs.len(), epochs[0].train_loss, epochs[0].validation_loss), (1, 2.0, None));
}

#[test]
fn damaged_metrics_file_is_named_in_the_error() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("metrics.csv"), "epoch,train_loss\none,2\n").unwrap();
    let error = RunFolder::at(folder.path()).metrics().unwrap_err();
    assert!(error.to_string().contains("metrics.csv is damaged") && std::error::Error::source(&error).is_some());
}

#[test]
fn metrics_that_no_training_has_are_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let heading = "epoch,train_loss,train_accuracy,validation_loss,validation_accuracy,seconds";
    for (rows, why) in [
        ("1,1,0.5,,,1\n1000000000,1,0.5,,,1\n", "epoch 1000000000 is in the row of epoch 2"),
        ("2,1,0.5,,,1\n", "epoch 2 is in the row of epoch 1"),
        ("1,1,0.5,1,7.5,1\n", "epoch 1 has an accuracy that is not from 0 to 1"),
        ("1,1,0.5,,,-1\n", "epoch 1 has an impossible time"),
        ("1,1,0.5,,,inf\n", "epoch 1 has an impossible time"),
    ] {
        fs::write(folder.path().join("metrics.csv"), format!("{heading}\n{rows}")).unwrap();
        let error = RunFolder::at(folder.path()).metrics().unwrap_err();
        assert!(error.to_string().ends_with("metrics.csv is damaged"), "{error}");
        assert_eq!(error.source().unwrap().to_string(), why);
    }
}

#[test]
#[cfg(unix)]
fn files_without_an_end_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["record.json", "metrics.csv", "evaluation.json", "checkpoint.mpk", "config.toml", RunFolder::BEST];
    names.iter().for_each(|name| std::os::unix::fs::symlink("/dev/zero", folder.path().join(name)).unwrap());
    let run = RunFolder::at(folder.path());
    let record = Record::default();
    let errors = [
        run.record().unwrap_err(),
        run.metrics().unwrap_err(),
        run.evaluation(&record).unwrap_err(),
        run.checkpoint().unwrap_err(),
        run.experiment().unwrap_err(),
        run.weights(RunFolder::BEST, &record).unwrap_err(),
    ];
    for (name, error) in names.iter().zip(errors) {
        assert!(crate::text::chain(&error).contains(name), "{error}");
    }
}

#[test]
fn model_that_does_not_exist_yet_is_an_error_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let error = RunFolder::at(folder.path()).weights(RunFolder::BEST, &Record::default()).unwrap_err();
    let path = folder.path().display();
    assert_eq!(
        error.to_string(),
        format!("{path} has no model yet, as no epoch is complete: run `mnist-burn resume {path}`")
    );
}

#[test]
fn empty_folder_becomes_a_run_folder_once() {
    let folder = tempfile::tempdir().unwrap();
    let experiment = Experiment::default().resolved();
    // What a process that was killed leaves.
    fs::write(folder.path().join(".lock"), "").unwrap();
    fs::write(folder.path().join(".unfinished-abcdef.tmp"), "half").unwrap();
    let (run, lock) = RunFolder::create_at(folder.path(), &experiment).unwrap();
    assert!(lock.warnings.is_empty());
    assert_eq!(run.experiment().unwrap(), experiment);
    let error = RunFolder::create_at(folder.path(), &experiment).unwrap_err();
    assert!(error.to_string().contains("is in use"), "{error}");
    drop(lock);
    let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [".lock", "config.toml"]);
}

#[test]
fn run_before_its_first_epoch_has_no_metrics_and_no_evaluation() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::at(folder.path());
    assert_eq!((run.metrics().unwrap(), run.evaluation(&Record::default()).unwrap()), (vec![], None));
}
