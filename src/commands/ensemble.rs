//! `mnist-burn ensemble`: joins trained networks into one run, which averages their probabilities.

use std::path::Path;

use super::{opening::find_run, output::print};
use crate::Error;
use crate::cli::{Ensemble, notice};
use crate::run::{Member, Record, RunError, RunFolder, TrainingRecord, Usage};

pub fn run(Ensemble { name, members }: &Ensemble, folder: &Path) -> Result<(), Error> {
    let members = members.iter().map(|run| find_run(run, folder)).collect::<Result<Vec<_>, _>>()?;
    let run = create(&folder.join(name), name, &members)?;
    notice(format!("`mnist-burn evaluate {name}` evaluates it and writes its report"));
    print(&run.path().display().to_string())
}

/// Writes an ensemble of `runs` into the folder `path`. Of a run that is an ensemble itself, the members become members.
pub fn create(path: &Path, name: &str, runs: &[RunFolder]) -> Result<RunFolder, RunError> {
    if path.exists() {
        return Err(RunError::Taken { path: path.into() });
    }
    let mut joined = vec![];
    for run in runs {
        for network in run.networks(&run.record()?) {
            joined.push(member(&network, &joined)?);
        }
    }
    let (members, records): (Vec<Member>, Vec<Record>) = joined.into_iter().unzip();
    let [first, _, ..] = &records[..] else {
        return Err(RunError::NotAMember {
            run: runs[0].path().into(),
            why: "it is the only one, and an ensemble has two members or more",
        });
    };
    let trainings: Vec<&TrainingRecord> = records.iter().filter_map(|record| record.training.as_ref()).collect();
    let record = Record {
        device: first.device.clone(),
        adapter: first.adapter.clone(),
        seed: first.seed,
        data: first.data.clone(),
        parameters: records.iter().map(|record| record.parameters).sum(),
        training: Some(TrainingRecord {
            floating_point_operations: trainings.iter().map(|it| it.floating_point_operations).sum(),
            usage: trainings.iter().map(|it| it.usage).reduce(Usage::and).unwrap_or_default(),
            ..TrainingRecord::default()
        }),
        members,
        ..Record::begun()
    };
    let mut experiment = RunFolder::at(&record.members[0].run).experiment()?;
    experiment.name = name.into();
    let (run, _lock) = RunFolder::create_at(path, &experiment)?;
    run.write_record(&record)?;
    Ok(run)
}

/// The run as a member beside `others`, with its record. Refused if it does not fit them.
fn member(run: &RunFolder, others: &[(Member, Record)]) -> Result<(Member, Record), RunError> {
    let record = run.record()?;
    let (_, sha256) = run.weights(RunFolder::BEST, &record)?;
    let images = |record: &Record| (record.data.height, record.data.width, record.data.names());
    let has_other_images = others.first().is_some_and(|(_, first)| images(first) != images(&record));
    let refused = |why| Err(RunError::NotAMember { run: run.path().into(), why });
    let path = std::path::absolute(run.path()).unwrap_or(run.path().into());
    match record.training {
        None => refused("its training is not finished"),
        _ if record.privacy.is_some() => refused("it is private, and the budgets of several runs add up"),
        _ if path.to_str().is_none() => refused("its path is not UTF-8, as the ensemble's record is"),
        _ if others.iter().any(|(other, _)| other.sha256 == sha256) => refused("another member has the same network"),
        _ if has_other_images => refused("the first member has other images or classes"),
        Some(_) => Ok((Member { run: path, sha256 }, record)),
    }
}
