//! What a folder keeps, and how it says what it can't.

use std::error::Error;

use super::*;

#[test]
fn a_folder_that_can_not_be_made_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = RunFolder::create(&file.path().join("runs"), &Experiment::default().resolved()).unwrap_err();
    assert_eq!(error.to_string(), format!("can't create the run's folder {}/runs", file.path().display()));
    assert!(error.source().is_some());
}

#[test]
fn a_folder_with_something_in_it_is_never_made_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("here");
    fs::create_dir(&place).unwrap();
    fs::write(place.join("mine"), "").unwrap();
    let error = RunFolder::create_at(&place, &Experiment::default().resolved()).unwrap_err();
    assert_eq!(error.to_string(), format!("{} exists and is no run: name another folder", place.display()));
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["here"]);
    assert_eq!(fs::read_dir(&place).unwrap().count(), 1);
}

#[test]
fn a_file_that_can_not_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::at(&folder.path().join("gone"));
    let error = run.write_config(&Experiment::default().resolved()).unwrap_err();
    assert_eq!(error.to_string(), format!("can't write {}/gone/config.toml", folder.path().display()));
    assert!(error.source().is_some());
}

#[test]
fn who_has_the_curves_open_sees_them_grow() {
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
    let (first, both) = ([epoch(1)], [epoch(1), epoch(2)]);
    let whole = |epochs: &[Epoch]| tensorboard::events(epochs, 7.0, Curve::Train);
    run.write_tensorboard(&first, 7.0).unwrap();
    let path = folder.path().join(Curve::Train.file());
    let mut open = fs::File::open(&path).unwrap();
    run.write_tensorboard(&both, 7.0).unwrap();
    let mut seen = vec![];
    io::Read::read_to_end(&mut open, &mut seen).unwrap();
    assert!(seen == whole(&both));

    // A file cut in the middle of an event is mended, and one that knows too much is replaced.
    fs::write(&path, &seen[..seen.len() - 5]).unwrap();
    run.write_tensorboard(&both, 7.0).unwrap();
    assert!(fs::read(&path).unwrap() == whole(&both));
    run.write_tensorboard(&first, 7.0).unwrap();
    assert!(fs::read(&path).unwrap() == whole(&first));
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
fn the_metrics_that_were_written_are_read_back_to_the_last_bit() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::at(folder.path());
    for epochs in [vec![row(1, 1.0 / 3.0, None)], vec![row(1, 2e-9, Some(0.93)), row(2, 0.1, Some(0.94))]] {
        run.write_metrics(&epochs).unwrap();
        assert_eq!(run.metrics().unwrap(), epochs);
    }
}

#[test]
fn a_loss_that_is_no_number_is_read_back_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::at(folder.path());
    run.write_metrics(&[row(1, f64::NAN, None)]).unwrap();
    assert!(run.metrics().unwrap()[0].train_loss.is_nan());
}

#[test]
fn columns_that_a_later_program_adds_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let table = "epoch,later,train_loss,train_accuracy,validation_loss,validation_accuracy,seconds\n1,x,2,0.5,,,3\n";
    fs::write(folder.path().join("metrics.csv"), table).unwrap();
    let epochs = RunFolder::at(folder.path()).metrics().unwrap();
    assert_eq!((epochs.len(), epochs[0].train_loss, epochs[0].validation_loss), (1, 2.0, None));
}

#[test]
fn damaged_metrics_are_an_error_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("metrics.csv"), "epoch,train_loss\none,2\n").unwrap();
    let error = RunFolder::at(folder.path()).metrics().unwrap_err();
    assert!(error.to_string().contains("metrics.csv is damaged") && std::error::Error::source(&error).is_some());
}

#[test]
fn a_run_before_its_first_epoch_has_neither_metrics_nor_an_evaluation() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::at(folder.path());
    assert_eq!((run.metrics().unwrap(), run.evaluation().unwrap()), (vec![], None));
}
