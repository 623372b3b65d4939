//! Every error that a user can cause has a test that reads its message; one without does not get past here.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::Error;
use crate::cli::UiError;
use crate::config::ConfigError;
use crate::data::{DataError, IdxError, ImageError, MirrorError};
use crate::device::DeviceError;
use crate::device::remote::{RemoteError, TokenError};
use crate::evaluation::EvaluationError;
use crate::model::{PretrainedError, WeightsError};
use crate::run::{CheckpointError, RunError};
use crate::serve::{ApiError, ServeError};
use crate::sweep::SweepError;
use crate::training::TrainingError;

/// The test of one variant.
struct Tested {
    variant: &'static str,
    /// Where the test stands.
    file: &'static str,
    test: &'static str,
    /// The part of the message that it looks for.
    words: &'static str,
}

/// A table of tests, a row a variant. A variant without a row leaves the `match` incomplete, which does not compile.
macro_rules! tested {
    ($($enum:ident { $($variant:ident: $file:literal $test:ident $words:literal,)* })*) => {{
        $({
            #[allow(dead_code, reason = "it is there to be compiled")]
            fn complete(error: &$enum) {
                match error { $($enum::$variant { .. } => {})* }
            }
        })*
        [$((stringify!($enum), vec![$(Tested {
            variant: concat!(stringify!($enum), "::", stringify!($variant)),
            file: $file,
            test: stringify!($test),
            words: $words,
        }),*])),*]
    }};
}

fn table() -> impl IntoIterator<Item = (&'static str, Vec<Tested>)> {
    tested! {
        Error {
            Config: "tests/cli/config.rs" a_missing_file_is_named "config/none.toml",
            Data: "tests/cli/data.rs" holding_out_more_than_there_is_is_an_error_that_names_the_key "data.validation = 60000",
            Device: "tests/cli/devices.rs" a_run_is_used_where_it_was_trained_unless_said_otherwise "`gpu` is unknown",
            Remote: "tests/cli/workers_refusals.rs" without_a_token_nothing_is_served_and_nothing_is_asked_for "there is no token",
            Ui: "tests/cli/ui.rs" without_a_terminal_there_is_no_dashboard "`--ui lines` needs none",
            Training: "tests/cli/errors.rs" a_training_that_diverges_says_what_to_change "the training diverged in epoch 1",
            Evaluation: "tests/cli/errors.rs" a_model_of_no_numbers_is_told_from_a_bad_one "the model gives no numbers",
            Run: "tests/cli/evaluate.rs" a_folder_that_is_no_run_is_an_error_that_names_it "is not the folder of a run",
            Pretrained: "tests/cli/transfer.rs" a_run_of_another_shape_is_refused_before_a_folder_is_made "does not fit this network",
            SourceRun: "tests/cli/transfer.rs" init_from_a_folder_that_is_no_run_is_refused_before_a_folder_is_made "init.from names no run to start from",
            Sweep: "tests/cli/sweep.rs" collecting_says_what_is_missing_and_then_tests_nothing "1 of 4 runs are not finished",
            Serve: "tests/cli/serve.rs" a_port_that_is_taken_is_an_error_with_the_way_out "can't listen on 127.0.0.1",
            UnreadableImages: "tests/cli/predict.rs" bad_files_are_reported_and_the_rest_is_still_done "2 of 4 images could not be read",
            Occupied: "tests/cli/report.rs" what_is_no_report_is_never_overwritten "exists and is no report",
            Exists: "tests/cli/export.rs" a_file_is_replaced_only_if_asked_for "exists: name another file, or replace it with --force",
            Output: "tests/cli/errors.rs" a_result_that_can_not_be_written_is_an_error "can't write the result to standard output",
        }
        ConfigError {
            Unreadable: "src/config/tests/messages.rs" an_unreadable_file_is_named_and_keeps_its_cause "cannot read the config file",
            Problems: "src/config/tests/messages.rs" all_problems_are_printed_at_once_in_reading_order "5 problems in try.toml",
        }
        DataError {
            NoDir: "src/data/files/tests.rs" ones_own_files_need_a_folder "data.dir is missing",
            Missing: "src/data/files/tests.rs" ones_own_files_that_are_missing_are_all_listed "put the files there",
            Folders: "src/data/image_folder/tests.rs" a_folder_without_classes_is_an_error_that_says_what_belongs_there "but there have to be 2 to 256 classes",
            UnreadableImages: "src/data/image_folder/tests.rs" a_few_bad_files_are_left_out_and_many_are_an_error_that_counts_them "3 of 23 files",
            Few: "src/data/image_folder/tests.rs" a_class_without_a_picture_to_train_or_to_test_with_is_named "has too few pictures",
            Checksum: "src/data/files/tests.rs" a_damaged_file_of_a_named_data_set_is_refused_and_kept "is not the published file",
            Download: "src/data/download/tests.rs" the_error_lists_each_address_and_why_it_failed "cannot download",
            Timeout: "src/data/download/tests.rs" the_time_out_is_a_number_of_seconds_above_0 "is no time in seconds",
            Write: "src/data/download/tests.rs" a_folder_that_cannot_be_made_is_reported_before_any_download "cannot write",
            Read: "src/data/idx/tests.rs" a_missing_file_is_named "cannot read /nowhere/images",
            Idx: "tests/cli/data.rs" a_damaged_file_of_ones_own_is_an_error_with_its_cause "is not a usable IDX file",
            Counts: "src/data/images.rs" a_label_too_few_is_refused "holds 3 images, but",
            Label: "src/data/images.rs" a_label_that_names_no_class_is_refused "label 1 (from 0) is 10",
            Classes: "src/data/images.rs" a_chosen_label_that_no_image_has_is_refused "no image has the label 1",
            Validation: "src/data/split.rs" holding_out_everything_is_an_error_that_names_the_key "data.validation",
            Labels: "tests/cli/data.rs" labels_that_the_classes_can_not_share_alike_are_an_error_with_the_most_there_can_be "takes a whole number from 10 to 49690 here",
            Size: "src/data/files/tests.rs" test_images_of_another_size_are_refused "the images are 2x3 pixels",
        }
        IdxError {
            Magic: "src/data/idx/tests.rs" labels_where_images_belong_are_refused "it starts with 0x00000801",
            Header: "src/data/idx/tests.rs" a_file_that_ends_within_its_header_is_refused "it ends within its header",
            Empty: "src/data/idx/tests.rs" a_file_without_images_or_without_pixels_is_refused "its header announces nothing",
            TooLarge: "src/data/idx/tests.rs" an_array_too_large_for_memory_is_refused_before_it_is_read "are not read into memory",
            Oversized: "src/data/idx/tests.rs" a_header_that_announces_more_than_the_file_can_hold_is_refused "more than its 19 bytes can hold",
            Truncated: "src/data/idx/tests.rs" a_file_that_ends_within_its_body_is_refused "it ends after 100 of the 110 bytes",
            Trailing: "src/data/idx/tests.rs" a_file_that_goes_on_after_its_body_is_refused "it goes on after the 12 bytes",
            Unreadable: "src/data/idx/tests.rs" a_compressed_file_cut_short_is_refused "it cannot be read to its end",
        }
        MirrorError {
            Http: "src/data/download/tests.rs" a_file_that_a_mirror_does_not_have_is_refused "http status: 404",
            Silent: "src/data/download/tests.rs" a_mirror_that_stalls_is_given_up "silent for too long",
            Length: "src/data/download/tests.rs" a_page_in_place_of_the_file_is_refused "sent fewer bytes",
            Checksum: "src/data/download/tests.rs" a_corrupt_file_is_refused "sent a file with SHA-256",
        }
        DeviceError {
            Unknown: "src/device/mod.rs" an_unknown_name_is_answered_with_the_known_ones "`gpu` is unknown",
            NotBuilt: "src/device/mod.rs" a_backend_that_is_not_compiled_in_names_the_build_that_has_it "--features metal",
            NoAdapter: "src/error/tests.rs" a_missing_or_broken_graphics_card_is_named_with_the_ways_out "finds no adapter",
            Refused: "src/error/tests.rs" a_missing_or_broken_graphics_card_is_named_with_the_ways_out "can't be opened",
            Remote: "tests/cli/workers_refusals.rs" a_worker_that_is_not_there_is_named "127.0.0.1:1 can't be reached",
        }
        RemoteError {
            Token: "tests/cli/workers_refusals.rs" without_a_token_nothing_is_served_and_nothing_is_asked_for "there is no token",
            Identity: "tests/cli/workers.rs" a_worker_keeps_its_name_where_its_identity_is_kept "can't keep the worker's identity in",
            Listen: "tests/cli/workers.rs" a_port_that_is_taken_is_an_error_with_the_way_out "can't listen on 127.0.0.1",
            Serve: "tests/cli/workers.rs" devices_of_two_backends_are_not_served_together "can't serve these devices",
            Runtime: "src/error/tests.rs" a_machine_without_threads_is_told "can't start what waits on the network",
            Unreachable: "tests/cli/workers_refusals.rs" a_worker_that_is_not_there_is_named "127.0.0.1:1 can't be reached",
            Refused: "tests/cli/workers_refusals.rs" a_wrong_token_and_a_missing_device_are_refused_with_the_reason_on_both_sides "refuses: the token",
            Broken: "src/error/tests.rs" a_session_that_breaks_off_is_told_with_the_workers "a session broke off",
            Lost: "tests/cli/workers_lost.rs" a_worker_that_dies_or_hangs_ends_the_run_which_goes_on_elsewhere "is lost",
        }
        TokenError {
            Missing: "tests/cli/workers_refusals.rs" without_a_token_nothing_is_served_and_nothing_is_asked_for "there is no token",
            Short: "tests/cli/workers_refusals.rs" without_a_token_nothing_is_served_and_nothing_is_asked_for "fewer than 16 characters",
            File: "tests/cli/workers_refusals.rs" without_a_token_nothing_is_served_and_nothing_is_asked_for "can't read the token in no/file",
        }
        UiError {
            NotBuilt: "src/error/tests.rs" a_dashboard_that_is_not_compiled_in_is_told_with_the_build_that_has_it "is not compiled in",
            NoTerminal: "tests/cli/ui.rs" without_a_terminal_there_is_no_dashboard "needs a terminal, and standard input is none",
        }
        TrainingError {
            Stopped: "src/error/tests.rs" a_training_that_stops_half_way_says_why "the training stopped",
            Run: "tests/recipe/optimizers.rs" a_model_that_can_not_be_kept_is_an_error_with_its_cause "metrics.csv",
            Interrupted: "tests/cli/resume.rs" ctrl_c_and_sigterm_keep_the_whole_epochs_and_say_how_to_go_on "interrupted in epoch",
            Diverged: "tests/recipe/optimizers.rs" a_loss_that_is_no_number_stops_the_training_with_the_way_out "diverged in epoch 1",
        }
        EvaluationError {
            Device: "src/error/tests.rs" a_device_that_fails_while_evaluating_is_told "the device failed while evaluating",
            NotFinite: "tests/cli/errors.rs" a_model_of_no_numbers_is_told_from_a_bad_one "the model gives no numbers",
        }
        ImageError {
            Undecodable: "tests/cli/predict.rs" bad_files_are_reported_and_the_rest_is_still_done "not a readable PNG or JPEG",
            Count: "src/data/prepare.rs" pixels_that_do_not_fill_the_image_are_counted "the image has {found} pixels, and not 784",
            Blank: "tests/cli/errors.rs" a_blank_picture_is_told "the image is blank",
        }
        RunError {
            Create: "src/run/folder/tests.rs" a_folder_that_can_not_be_made_is_named "can't create the run's folder",
            Exists: "src/run/folder/tests.rs" a_folder_with_something_in_it_is_never_made_a_run "exists and is no run",
            Failed: "tests/cli/resume.rs" a_training_that_diverged_can_not_go_on "can't go on: the training diverged",
            OtherData: "tests/cli/data.rs" a_run_does_not_go_on_with_other_data "the data files are not those that it began with",
            OtherStart: "tests/cli/transfer.rs" a_run_without_an_epoch_does_not_begin_again_from_other_weights "is not the file that it began with",
            InUse: "tests/cli/resume.rs" a_second_process_in_the_same_folder_is_refused "is in use",
            Write: "src/run/folder/tests.rs" a_file_that_can_not_be_written_is_named "can't write",
            Full: "tests/cli/resume.rs" a_full_disk_is_reported_as_such_and_costs_nothing "the disk is full",
            Read: "tests/cli/evaluate.rs" a_folder_that_is_no_run_is_an_error_that_names_it "is not the folder of a run",
            Damaged: "tests/cli/evaluate.rs" a_damaged_record_is_an_error_that_names_the_file "record.json is damaged",
            Config: "tests/cli/errors.rs" a_damaged_config_of_a_run_is_an_error_that_names_the_file "config.toml",
            Changed: "tests/cli/evaluate.rs" a_damaged_model_is_an_error_that_names_the_file "is not the file that the run wrote",
            Table: "src/run/folder/tests.rs" damaged_metrics_are_an_error_that_names_the_file "metrics.csv is damaged",
            List: "tests/cli/runs.rs" a_folder_without_runs_is_an_empty_list_and_no_folder_an_error_that_names_it "can't list the runs",
            Checkpoint: "tests/cli/resume.rs" a_damaged_checkpoint_is_named "checkpoint.mpk is damaged",
            Weights: "tests/cli/evaluate.rs" a_model_of_another_shape_is_an_error_that_names_the_tensors "hidden.0.weight",
        }
        PretrainedError {
            Weights: "src/model/pretrained/tests.rs" what_holds_no_weights_is_told_with_the_file "init.from names no weights",
            Differs: "src/model/pretrained/tests.rs" a_run_that_computes_otherwise_is_refused_with_the_key "was trained with data.pixels",
            Name: "src/model/pretrained/tests.rs" a_name_that_the_file_does_not_have_is_told_with_those_it_has "has no tensor and no layer fc",
            Twice: "src/model/pretrained/tests.rs" two_layers_can_not_be_given_one_name "has several tensors for output.bias",
            Misfit: "src/model/pretrained/tests.rs" layers_that_do_not_fit_are_refused_all_at_once_with_the_ways_out "does not fit this network",
            Frozen: "src/model/pretrained/tests.rs" a_layer_that_would_stay_as_chance_has_it_is_refused "would stay as chance has it",
        }
        SweepError {
            Foreign: "tests/cli/sweep.rs" a_folder_with_another_experiment_is_refused_with_what_differs "training.batch_size differ",
            Incomplete: "tests/cli/sweep.rs" collecting_says_what_is_missing_and_then_tests_nothing "1 of 4 runs are not finished",
            AllDiverged: "src/sweep/results.rs" a_trial_that_diverged_is_over_but_not_chosen "in every trial a run diverged",
        }
        ServeError {
            Run: "tests/cli/serve.rs" without_a_finished_run_there_is_nothing_to_serve "can't list the runs in",
            Listen: "tests/cli/serve.rs" a_port_that_is_taken_is_an_error_with_the_way_out "can't listen on 127.0.0.1",
            NoRun: "tests/cli/serve.rs" without_a_finished_run_there_is_nothing_to_serve "is finished: train one first",
        }
        ApiError {
            Malformed: "tests/cli/serve_refusals.rs" what_is_no_request_is_refused "this is no whole HTTP request: ",
            Host: "tests/cli/serve_refusals.rs" other_names_and_other_sites_are_refused "this server is not example.org",
            Origin: "tests/cli/serve_refusals.rs" other_names_and_other_sites_are_refused "may not use this server",
            Path: "tests/cli/serve_refusals.rs" what_is_not_there_is_not_found "there is no /none here",
            NoRun: "tests/cli/serve_refusals.rs" what_is_not_there_is_not_found "there is no run ",
            NoReport: "tests/cli/serve_refusals.rs" a_run_without_a_page_says_how_to_make_it "bare has no report.html",
            Method: "tests/cli/serve_refusals.rs" other_methods_are_told_the_right_one "only POST is answered here",
            Late: "tests/cli/serve_refusals.rs" slow_senders_are_given_up_and_hold_nobody_up "longer than 10 s to arrive",
            TooLarge: "tests/cli/serve_refusals.rs" large_requests_are_refused "the body is larger than 4 MiB",
            MediaType: "tests/cli/serve_refusals.rs" bodies_that_are_no_digit_are_refused_with_the_reason "say what is sent",
            Json: "tests/cli/serve_refusals.rs" bodies_that_are_no_digit_are_refused_with_the_reason "no JSON array of whole numbers",
            Image: "tests/cli/serve_refusals.rs" bodies_that_are_no_digit_are_refused_with_the_reason "the image has 3 pixels",
            Run: "tests/cli/serve_refusals.rs" a_damaged_run_says_what_is_damaged "is not the file that the run wrote",
            Evaluation: "tests/cli/serve_refusals.rs" a_network_of_no_numbers_is_told "the model gives no numbers",
            Failure: "src/serve/service.rs" a_mistake_of_the_program_is_answered_and_shows_nothing "this request made the server fail",
        }
        CheckpointError {
            Checksum: "src/run/checkpoint.rs" a_change_of_any_byte_is_noticed "is damaged",
            Version: "src/run/checkpoint.rs" a_checkpoint_of_another_shape_names_the_version_as_the_reason "was written by another version",
        }
        WeightsError {
            Save: "src/error/tests.rs" weights_that_the_device_does_not_give_are_told "can't save the model",
            Load: "src/model/weights.rs" what_is_no_model_is_refused_with_the_file_and_the_reason "can't load a model from",
            Mismatch: "src/model/weights.rs" another_networks_weights_are_refused_with_what_does_not_fit "does not fit this network",
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text of a test that always runs, from its name to its closing brace.
fn body<'a>(source: &'a str, test: &str) -> Option<&'a str> {
    let (before, rest) = source.split_once(&format!("fn {test}("))?;
    let attributes = before.rsplit("\n\n").next()?;
    let runs = attributes.contains("#[test]") && !attributes.contains("#[ignore");
    let indentation = before.rsplit('\n').next()?;
    runs.then(|| rest.split(&format!("\n{indentation}}}\n")).next().unwrap_or(rest))
}

#[test]
fn every_error_has_a_test_that_reads_its_message() {
    for Tested { variant, file, test, words } in table().into_iter().flat_map(|(_, tests)| tests) {
        let source = fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let body = body(&source, test).unwrap_or_else(|| panic!("{variant}: no test {test} in {file}"));
        assert!(body.contains(words), "{variant}: {test} in {file} does not read {words:?}");
    }
}

#[test]
fn every_kind_of_error_is_in_the_table() {
    let mut found = BTreeSet::new();
    for file in sources(&root().join("src")) {
        let source = fs::read_to_string(file).unwrap();
        let kinds = source.split("Error)]\n").skip(1).filter_map(|rest| rest.trim_start().strip_prefix("pub enum "));
        found.extend(kinds.map(|rest| rest.split(' ').next().unwrap().to_string()));
    }
    let listed: BTreeSet<String> = table().into_iter().map(|(kind, _)| kind.to_string()).collect();
    assert_eq!(found, listed);
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

// What no user can cause on every machine is made by hand, so that its message is read too.

#[test]
fn a_missing_or_broken_graphics_card_is_named_with_the_ways_out() {
    let none = DeviceError::NoAdapter { name: "wgpu:1".into(), count: 1, help: "install a driver" }.to_string();
    assert!(none.starts_with("device `wgpu:1` finds no adapter (1 in all, see `mnist-burn devices`)"), "{none}");
    let broken = DeviceError::Refused { name: "cuda".into(), help: "install a driver" }.to_string();
    assert!(broken.starts_with("device `cuda` can't be opened, see the message above"), "{broken}");
    for message in [none, broken] {
        assert!(message.ends_with("; install a driver, or take the CPU with `--device ndarray`"), "{message}");
    }
}

#[test]
fn a_dashboard_that_is_not_compiled_in_is_told_with_the_build_that_has_it() {
    let message = UiError::NotBuilt.to_string();
    assert!(
        message.starts_with("`--ui tui` is not compiled in; `cargo run --release --features tui` has it"),
        "{message}"
    );
}

#[test]
fn a_session_that_breaks_off_is_told_with_the_workers() {
    let message = RemoteError::Broken { workers: "ws://a:1, ws://b:2".into() }.to_string();
    assert!(message.starts_with("a session broke off with one of these workers"), "{message}");
    assert!(message.contains("ws://a:1, ws://b:2") && message.contains("`mnist-burn resume RUN`"), "{message}");
}

#[test]
fn a_machine_without_threads_is_told() {
    let message = RemoteError::Runtime(std::io::ErrorKind::OutOfMemory.into()).to_string();
    assert_eq!(message, "can't start what waits on the network");
}

#[test]
fn a_training_that_stops_half_way_says_why() {
    assert_eq!(
        TrainingError::Stopped("the device is lost".into()).to_string(),
        "the training stopped: the device is lost"
    );
}

#[test]
fn a_device_that_fails_while_evaluating_is_told() {
    let message = EvaluationError::Device("out of memory".into()).to_string();
    assert_eq!(message, "the device failed while evaluating: out of memory");
}

#[test]
fn weights_that_the_device_does_not_give_are_told() {
    let message = WeightsError::Save("the device is lost".into()).to_string();
    assert_eq!(message, "can't save the model: the device is lost");
}
