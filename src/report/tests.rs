//! What the pages show.

use super::*;
use crate::data::Images;
use crate::evaluation::Probabilities;

fn epoch(number: usize, validation: Option<f64>) -> Epoch {
    Epoch {
        epoch: number,
        train_loss: 0.5,
        train_accuracy: 0.9,
        validation_loss: validation,
        validation_accuracy: validation,
        seconds: 1.0,
        ..Epoch::default()
    }
}

#[test]
fn charts_show_only_what_was_measured() {
    let lines = |epochs: &[Epoch], best| -> Vec<Vec<String>> {
        let labels = |chart: Chart| chart.series.into_iter().map(|series| series.label).collect();
        charts(epochs, best).into_iter().map(labels).collect()
    };
    assert_eq!(lines(&[], None), Vec::<Vec<String>>::new());
    assert_eq!(lines(&[epoch(1, None)], None), [["training"], ["training"]]);
    assert_eq!(lines(&[epoch(1, Some(0.5))], Some(1)), [["training", "validation"], ["training", "validation"]]);
}

#[test]
fn confusion_colours_are_relative_to_the_most_frequent_confusion() {
    let evaluation = Evaluation::new(vec![vec![4, 1], vec![2, 0]], &["0".into(), "1".into()], 0.0);
    let strengths = [0, 1].map(|truth| [0, 1].map(|class| format!("{:.2}", strength(&evaluation, truth, class))));
    assert_eq!(strengths, [["0.50", "0.35"], ["0.60", "0.10"]]);
}

/// The page of a network without mistakes, on images of another size, without validation and without hidden layers.
#[test]
fn page_escapes_text_and_needs_no_mistakes_validation_or_hidden_layers() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::at(&folder.path().join("<b>&run"));
    std::fs::create_dir(run.path()).unwrap();
    let mut experiment = Experiment::default().resolved();
    experiment.model.hidden = vec![];
    experiment.model.dropout = 0.0;
    run.write_config(&experiment).unwrap();
    run.write_metrics(&[epoch(1, None)]).unwrap();
    run.write_record(&record()).unwrap();

    let images = Images::new(vec![0, 255, 255, 0], vec![0, 1], [1, 2], 2);
    let predictions = vec![Probabilities(vec![0.75, 0.25]), Probabilities(vec![0.0, 1.0])];
    let evaluation = Evaluation::new(vec![vec![1, 0], vec![0, 1]], images.names(), 0.125);
    let output = EvaluationOutput { evaluation, images, predictions, members: vec![] };
    let page = page(&run, &[0.5, -0.5, 1.0, 0.0], &output, None).unwrap();

    assert!(page.contains("&#60;b&#62;&#38;run") && !page.contains("<b>&run"), "{page}");
    assert!(
        page.contains("<dd>0.00 %</dd>") && page.contains("mistakes of 2</dt><dd>0</dd>") && page.contains("12.50 %"),
        "{page}"
    );
    assert!(page.contains("No mistakes on the test set") && page.contains("class 1"), "{page}");
    assert!(!page.contains("best epoch, 1") && page.contains("No images were held out for validation"), "{page}");
    // A bar is as high as its accuracy, and its gap goes to the confidence.
    let bar = r#"<rect class="bar" x="236.7" y="16" width="15.1" height="256"/><rect class="gap" x="236.7" y="16" width="15.1" height="64"/>"#;
    assert!(page.contains(bar) && page.contains("confidence 73 to 80 %: 1 images, mean confidence 75.0 %"), "{page}");
    assert!(page[..page.len().min(1024)].contains(MARK), "{page}");
}

fn record() -> Record {
    let json = r#"{"version": "1", "commit": null, "device": "ndarray", "adapter": "CPU", "seed": 7, "started": 0.0,
        "data": {"height": 1, "width": 2, "classes": 2, "training_images": 4, "validation_images": 0,
                 "scaling": {"mean": 0.0, "deviation": 1.0}, "sha256": {}},
        "parameters": 6, "models": {}, "training": null, "failure": null}"#;
    serde_json::from_str(json).unwrap()
}

fn summary(error: f64) -> Summary {
    Summary { validation_error: Some(error), ..Summary::default() }
}

#[test]
fn chart_of_a_key_has_its_values_in_order_with_mean_and_best() {
    let values = [0.01, 0.001, 0.01].map(|rate| Some(toml::Value::Float(rate)));
    let difference = Difference { key: "optimizer.learning_rate".into(), values: values.into() };
    let charts = charts_of_keys(&[difference], &[summary(0.04), summary(0.08), summary(0.02)]);
    let [chart] = &charts[..] else { panic!("{charts:?}") };
    let values: Vec<_> = chart.series.iter().map(|series| series.values.clone()).collect();
    assert_eq!(values, [[(1, 8.0), (2, 3.0)], [(1, 8.0), (2, 2.0)]]);
    let drawn = chart.render().unwrap();
    assert!(drawn.contains("mean of the runs, optimizer.learning_rate 0.001: 8.00 %"), "{drawn}");
}

#[test]
fn keys_that_name_things_and_values_without_a_validated_run_are_not_drawn() {
    let values = || vec![Some(toml::Value::Integer(1)), Some(toml::Value::Integer(2))];
    let difference = |key: &str| Difference { key: key.into(), values: values() };
    assert!(charts_of_keys(&[difference("seed"), difference("name")], &[summary(0.1), summary(0.2)]).is_empty());
    let one = [summary(0.1), Summary::default()];
    assert!(charts_of_keys(&[difference("training.epochs")], &one).is_empty());
}
