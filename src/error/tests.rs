//! Checks that every error variant has a test that reads its message.

use std::path::{Path, PathBuf};
use std::{collections::BTreeSet, fs};

use super::Error;
use crate::cli::UiError;
use crate::config::ConfigError;
use crate::data::error::{DataError, IdxError, ImageError, MirrorError};
use crate::device::DeviceError;
use crate::device::remote::RemoteError;
use crate::evaluation::EvaluationError;
use crate::model::{PretrainedError, WeightsError};
use crate::run::RunError;
use crate::serve::ServeError;
use crate::serve::api_error::ApiError;
use crate::sweep::SweepError;
use crate::training::TrainingError;

/// The test of one error variant.
struct Tested {
    variant: &'static str,
    /// The file of the test.
    file: &'static str,
    test: &'static str,
    /// The part of the message that the test looks for.
    words: &'static str,
}

/// A table of tests with a row per variant. A missing row makes the `match` incomplete, which does not compile.
macro_rules! tested {
    ($($enum:ident { $($variant:ident: $file:literal $test:ident $words:literal,)* })*) => {{
        $({
            #[allow(dead_code, reason = "it only has to compile")]
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
            Config: "tests/cli/config.rs" missing_file_is_named "config/none.toml",
            Data: "tests/cli/data.rs" validation_split_larger_than_the_data_is_an_error_that_names_the_key "data.validation = 60000",
            Device: "tests/cli/devices.rs" run_is_evaluated_on_the_device_it_was_trained_on_unless_overridden "`tpu` is unknown",
            Remote: "tests/cli/workers_refusals.rs" token_is_needed_to_serve_and_to_connect "the token is missing",
            Ui: "tests/cli/ui.rs" dashboard_needs_a_terminal "use `--ui lines`",
            Training: "tests/cli/errors.rs" diverged_training_reports_what_to_change "the training diverged in epoch 1",
            Evaluation: "tests/cli/errors.rs" model_with_nan_weights_is_reported_as_diverged "the model's output is NaN or infinite",
            Run: "tests/cli/evaluate.rs" folder_that_is_not_a_run_is_an_error_that_names_it "is not a run folder",
            NoRun: "tests/cli/evaluate.rs" folder_of_images_is_named_with_data "is not a run folder: if it holds images, name it with --data",
            Pretrained: "tests/cli/transfer.rs" pretrained_run_of_another_shape_is_refused_before_a_folder_is_created "does not fit this network",
            SourceRun: "tests/cli/transfer.rs" init_from_a_folder_that_is_not_a_run_is_refused_before_a_folder_is_created "init.from does not name a usable run",
            SameImages: "tests/cli/privacy.rs" private_run_does_not_start_from_a_run_on_its_own_images "was trained on the same images, at a cost that [privacy] does not count",
            NotPrivate: "tests/cli/privacy.rs" privacy_prints_the_costs_of_each_epoch_without_training "the training is not private: add privacy.epsilon",
            PrivateRangeTest: "tests/cli/lr_find.rs" range_test_of_a_private_training_is_refused "look for a rate on public images",
            Sweep: "tests/cli/sweep.rs" collect_reports_missing_runs_and_then_evaluates_nothing "1 of 4 runs are not finished",
            Serve: "tests/cli/serve.rs" port_in_use_is_an_error_with_the_alternative "can't listen on 127.0.0.1",
            NoValidation: "tests/cli/evaluate.rs" evaluate_of_a_run_without_validation_images_says_so "has no validation images",
            OtherImages: "tests/cli/report.rs" attack_needs_shadows_that_left_out_images_of_the_same_data "was trained on other images",
            Scalings: "tests/cli/ensemble.rs" ensemble_is_exported_as_one_onnx_file "scale pixels in different ways",
            NoShadow: "tests/cli/report.rs" attack_needs_shadows_that_left_out_images_of_the_same_data "no image was left out",
            NoData: "tests/cli/described.rs" model_file_alone_is_evaluated_on_named_images_only "does not say which images to evaluate it on",
            OtherSplit: "tests/cli/evaluate.rs" validation_images_of_other_data_are_refused "its validation images are not known",
            SeveralRuns: "tests/cli/evaluate.rs" evaluate_of_several_runs_is_a_table "is for one run: name the runs one after the other",
            NoImages: "tests/cli/predict.rs" run_without_images_is_an_error "has no image to classify",
            UnreadableImages: "tests/cli/predict.rs" predict_reports_bad_files_and_classifies_the_rest "2 of 4 images could not be read",
            Occupied: "tests/cli/report.rs" report_never_overwrites_another_file "exists but is not a report",
            Ending: "tests/cli/export.rs" ending_of_another_kind_of_file_is_refused_with_the_right_one "as it becomes a",
            Inapplicable: "tests/cli/onnx.rs" option_of_another_kind_of_file_is_refused " does not apply to {}",
            NotAFile: "tests/cli/export.rs" export_replaces_only_regular_files_and_writes_to_the_target_of_a_link "is not a regular file, and is not replaced",
            Exists: "tests/cli/export.rs" export_replaces_a_file_only_with_force "exists: name another file, or replace it with --force",
            Output: "tests/cli/errors.rs" result_that_cannot_be_written_is_an_error "can't write the result to standard output",
        }
        ConfigError {
            Unreadable: "src/config/tests/messages.rs" config_file_that_is_unreadable_is_named_and_keeps_its_cause "cannot read the config file",
            Problems: "src/config/tests/messages.rs" config_reports_all_problems_at_once_in_reading_order "5 problems in try.toml",
        }
        DataError {
            NotIdx: "tests/cli/data.rs" folder_of_images_in_place_of_idx_files_is_told_its_key "and no IDX files",
            NoDir: "src/data/files/tests.rs" own_files_need_a_folder "data.dir is missing",
            NoFolder: "tests/cli/data.rs" missing_data_files_are_downloaded_checked_and_saved "correct data.dir, or make the folder",
            Missing: "src/data/files/tests.rs" own_files_that_are_missing_are_all_listed "put the files there",
            Several: "src/data/files/tests.rs" published_data_set_is_found_in_its_own_folder_of_torchvision_alone "several data sets",
            Folders: "src/data/image_folder/tests.rs" folder_without_classes_is_an_error_that_says_what_belongs_there "but 2 to 256 classes are expected",
            UnreadableImages: "src/data/image_folder/tests.rs" unreadable_files_are_left_out_if_few_and_an_error_if_many "3 of 23 files",
            Few: "src/data/image_folder/tests.rs" class_without_training_or_test_images_is_named "has too few images",
            Checksum: "src/data/files/tests.rs" damaged_file_of_a_published_data_set_is_refused_and_not_deleted "is not the published file",
            Download: "src/data/download/tests.rs" download_error_lists_each_address_and_why_it_failed "cannot download",
            Timeout: "src/data/download/tests.rs" timeout_is_a_number_of_seconds_above_0 "is not a time in seconds",
            Write: "src/data/download/tests.rs" folder_that_cannot_be_created_is_reported_before_any_download "cannot write",
            Read: "src/data/idx/tests.rs" missing_file_is_named "cannot read /nowhere/images",
            Idx: "tests/cli/data.rs" damaged_idx_file_is_an_error_with_its_cause "is not a usable IDX file",
            Counts: "src/data/images.rs" missing_label_is_refused "holds 3 images, but",
            Label: "src/data/images.rs" label_that_names_no_class_is_refused "label 1 (from 0) is 10",
            Classes: "src/data/files/tests.rs" chosen_label_that_no_training_image_has_is_refused "no image has the label 1",
            Validation: "src/data/training.rs" validation_of_all_images_is_an_error_that_names_the_key "data.validation",
            Labels: "tests/cli/data.rs" labels_that_cannot_be_balanced_over_the_classes_are_an_error_with_the_maximum "takes a whole number from 10 to 49690 here",
            Size: "src/data/files/tests.rs" test_images_of_another_size_are_refused "the images are 2x3 pixels",
        }
        IdxError {
            Magic: "src/data/idx/tests.rs" html_page_is_refused "it starts with 0x3c68746d",
            Shape: "src/data/idx/tests.rs" labels_in_place_of_images_are_refused "its dimensions are [3]",
            Value: "src/data/idx/tests.rs" labels_of_every_type_are_read_and_those_that_are_no_bytes_are_refused_with_the_type "it holds 32-bit integers",
            Header: "src/data/idx/tests.rs" file_that_ends_within_its_header_is_refused "it ends within its header",
            Empty: "src/data/idx/tests.rs" file_without_images_or_pixels_is_refused "its header announces an empty array",
            TooLarge: "src/data/idx/tests.rs" array_too_large_for_memory_is_refused_before_it_is_read "are read into memory",
            Oversized: "src/data/idx/tests.rs" header_that_announces_more_than_the_file_can_hold_is_refused "more than its 19 bytes can hold",
            Truncated: "src/data/idx/tests.rs" file_that_ends_within_its_body_is_refused "it ends after 100 of the 110 bytes",
            Trailing: "src/data/idx/tests.rs" file_that_continues_after_its_body_is_refused "it continues after the 12 bytes",
            Unreadable: "src/data/idx/tests.rs" compressed_file_cut_short_is_refused "it cannot be read to the end",
        }
        MirrorError {
            Http: "src/data/download/tests.rs" mirror_without_the_file_is_refused "http status: 404",
            Certificate: "tests/cli/data.rs" certificate_of_a_company_is_trusted_if_the_system_trusts_it "SSL_CERT_FILE",
            Silent: "src/data/download/tests.rs" mirror_that_stalls_is_given_up "no answer in time",
            Length: "src/data/download/tests.rs" page_in_place_of_the_file_is_refused "sent fewer bytes",
            Checksum: "src/data/download/tests.rs" corrupt_download_is_refused "sent a file with SHA-256",
        }
        DeviceError {
            Unknown: "src/device/mod.rs" unknown_device_name_is_refused_with_the_names_of_this_build "`tpu` is unknown",
            NotBuilt: "src/device/mod.rs" backend_that_is_not_compiled_in_is_refused_with_the_build_that_has_it "--features metal",
            NoAdapter: "src/error/tests.rs" missing_or_broken_gpu_is_named_with_the_alternatives "no adapter found for",
            Refused: "src/error/tests.rs" missing_or_broken_gpu_is_named_with_the_alternatives "can't be opened",
            Remote: "tests/cli/workers_refusals.rs" worker_that_cannot_be_reached_is_named "127.0.0.1:1 can't be reached",
        }
        RemoteError {
            NoToken: "tests/cli/workers_refusals.rs" token_is_needed_to_serve_and_to_connect "the token is missing",
            ShortToken: "tests/cli/workers_refusals.rs" token_is_needed_to_serve_and_to_connect "fewer than 16 characters",
            TokenFile: "tests/cli/workers_refusals.rs" token_is_needed_to_serve_and_to_connect "can't read the token file no/file",
            Identity: "tests/cli/workers.rs" worker_with_an_identity_file_keeps_its_name "can't use the worker's identity file",
            Listen: "tests/cli/workers.rs" port_in_use_is_an_error_with_the_alternative "can't listen on 127.0.0.1",
            Serve: "tests/cli/workers.rs" worker_refuses_devices_of_two_backends "can't serve these devices",
            Runtime: "src/error/tests.rs" network_threads_that_cannot_start_are_reported "can't start the network threads",
            Unreachable: "tests/cli/workers_refusals.rs" worker_that_cannot_be_reached_is_named "127.0.0.1:1 can't be reached",
            Refused: "tests/cli/workers_refusals.rs" worker_refuses_a_wrong_token_and_a_missing_device_with_the_reason_on_both_sides "refused the connection: the token",
            Broken: "src/error/tests.rs" session_that_fails_is_reported_with_the_workers "a session with one of these workers failed",
            Lost: "tests/cli/workers_lost.rs" worker_that_dies_or_hangs_ends_the_run_which_resumes_elsewhere "is lost",
        }
        UiError {
            NotBuilt: "src/error/tests.rs" dashboard_that_is_not_compiled_in_is_refused_with_the_build_that_has_it "is not compiled in",
            NoTerminal: "tests/cli/ui.rs" dashboard_needs_a_terminal "needs a terminal, but standard input is not one",
        }
        TrainingError {
            Memory: "src/training/mod.rs" training_that_needs_more_memory_than_there_is_is_refused_with_the_key "model.hidden is too large",
            Stopped: "src/error/tests.rs" training_that_stops_half_way_reports_the_reason "the training stopped",
            Run: "tests/recipe/optimizers.rs" model_that_can_not_be_saved_is_an_error_with_its_cause "metrics.csv",
            Paused: "tests/cli/sweep.rs" halving_ends_hopeless_trials_early_and_chooses_among_the_others "paused after epoch 1",
            InterruptedAtEnd: "tests/cli/signals.rs" ctrl_c_in_the_last_step_is_heard_and_says_what_is_missing "interrupted after the last epoch",
            Interrupted: "tests/cli/resume.rs" ctrl_c_and_sigterm_keep_the_complete_epochs_and_say_how_to_resume "interrupted in epoch",
            PrivacyBudget: "src/training/privacy.rs" budget_that_no_noise_is_enough_for_is_refused "is too small for 30 steps",
            ClassWeights: "tests/cli/options.rs" class_weights_of_another_number_than_the_classes_are_refused "has 3 numbers",
            OtherTeacher: "tests/cli/distillation.rs" teacher_of_other_classes_is_refused "or for other classes",
            ClosedForm: "src/training/mod.rs" closed_form_is_refused_on_a_device_with_its_own_memory "does not use; remove it",
            Diverged: "tests/recipe/optimizers.rs" nan_or_infinite_loss_stops_the_training_with_advice "diverged in epoch 1",
        }
        EvaluationError {
            Device: "src/error/tests.rs" device_that_fails_while_evaluating_is_reported "the device failed while evaluating",
            NotFinite: "tests/cli/errors.rs" model_with_nan_weights_is_reported_as_diverged "the model's output is NaN or infinite",
        }
        ImageError {
            Undecodable: "tests/cli/predict.rs" predict_reports_bad_files_and_classifies_the_rest "not a readable PNG or JPEG",
            Count: "src/data/prepare/tests.rs" pixels_that_do_not_fill_the_image_are_counted "the image has {found} pixels, not 784",
            Truncated: "src/data/prepare/tests.rs" jpeg_that_is_cut_off_is_refused "the JPEG image is cut off",
            Unit: "src/data/prepare/tests.rs" pixels_from_0_to_1_are_refused_with_the_factor "all 0 or 1",
            Blank: "tests/cli/errors.rs" blank_image_is_reported "the image is blank",
        }
        RunError {
            Create: "src/run/folder/tests.rs" run_folder_that_cannot_be_created_is_named "can't create the run's folder",
            Exists: "src/run/folder/tests.rs" folder_that_is_not_empty_never_becomes_a_run_folder "exists but is not a run folder",
            Failed: "tests/cli/resume.rs" diverged_training_cannot_be_resumed "can't be resumed: the training diverged",
            OtherData: "tests/cli/data.rs" run_is_not_resumed_with_other_data "the data files differ from those that it was started with",
            OtherTestData: "tests/cli/stale.rs" evaluation_on_other_images_is_not_stored "has other test images, so this is not stored",
            Ensemble: "tests/cli/ensemble.rs" ensemble_is_neither_exported_as_one_model_nor_resumed_but_says_what_to_do "which has no model of its own",
            NotAMember: "tests/cli/ensemble.rs" ensembles_that_would_not_be_one_are_refused_with_the_reason "another member has the same network",
            Taken: "tests/cli/ensemble.rs" ensembles_that_would_not_be_one_are_refused_with_the_reason "exists, so no ensemble is made there: the NAME in",
            Member: "tests/cli/ensemble.rs" member_of_an_ensemble_is_removed_only_together_with_it "remove that one first",
            OtherMember: "tests/cli/ensemble.rs" ensemble_refuses_a_member_that_was_trained_on_since "has another model than when it joined",
            NoModel: "src/run/folder/tests.rs" model_that_does_not_exist_yet_is_an_error_with_the_way_out "has no model yet",
            Evaluation: "tests/cli/stale.rs" damaged_evaluation_is_named_and_replaced "evaluation.json is damaged: `mnist-burn evaluate",
            OtherStart: "tests/cli/transfer.rs" run_without_an_epoch_is_not_resumed_from_other_weights "is not the one that it was started with",
            NoKey: "tests/cli/privacy.rs" private_run_without_its_key_is_not_resumed "is missing, and with another key its private training",
            InUse: "tests/cli/resume.rs" second_process_in_the_same_folder_is_refused "is in use",
            Write: "src/run/folder/tests.rs" file_that_cannot_be_written_is_named "can't write",
            Full: "tests/cli/resume.rs" full_disk_is_reported_as_such_and_loses_nothing "the disk is full",
            NoBest: "tests/cli/named.rs" best_of_runs_without_validation_is_an_error "so none is the best: name one",
            Unknown: "tests/cli/named.rs" unknown_or_ambiguous_name_is_an_error_that_lists_what_there_is "there is no run {named} in {}",
            Ambiguous: "tests/cli/named.rs" unknown_or_ambiguous_name_is_an_error_that_lists_what_there_is "is no single run, but several have names that begin with it",
            Read: "tests/cli/evaluate.rs" folder_that_is_not_a_run_is_an_error_that_names_it "is not a run folder",
            Damaged: "tests/cli/evaluate.rs" damaged_record_is_an_error_that_names_the_file "record.json is damaged",
            Config: "tests/cli/errors.rs" damaged_config_of_a_run_is_an_error_that_names_the_file "config.toml",
            Changed: "tests/cli/evaluate.rs" damaged_model_is_an_error_that_names_the_file "is not the file that the run wrote",
            Table: "src/run/folder/tests.rs" damaged_metrics_file_is_named_in_the_error "metrics.csv is damaged",
            List: "tests/cli/runs.rs" folder_without_runs_is_an_empty_list_and_a_missing_folder_is_an_error "can't list the runs",
            Checkpoint: "tests/cli/resume.rs" damaged_checkpoint_is_named "checkpoint.mpk is damaged",
            Version: "src/run/checkpoint.rs" checkpoint_of_another_version_is_refused_with_that_reason "was written by another version",
            Weights: "tests/cli/evaluate.rs" model_of_another_shape_is_an_error_that_names_the_tensors "hidden.0.weight",
        }
        PretrainedError {
            Weights: "src/model/pretrained/tests.rs" file_without_weights_is_refused_with_its_path "init.from does not name a usable weights file",
            Differs: "src/model/pretrained/tests.rs" run_that_computes_differently_is_refused_with_the_key "was trained with data.pixels",
            Name: "src/model/pretrained/tests.rs" rename_of_an_unknown_name_is_refused_with_the_known_ones "has no tensor and no layer fc",
            Twice: "src/model/pretrained/tests.rs" rename_of_two_layers_to_one_name_is_refused "has several tensors for output.bias",
            Several: "src/model/pretrained/tests/programs.rs" file_with_several_networks_is_refused_until_one_is_named "has several networks",
            Misfit: "src/model/pretrained/tests.rs" layers_that_do_not_fit_are_refused_all_at_once_with_the_ways_out "does not fit this network",
            Frozen: "src/model/pretrained/tests.rs" frozen_layer_that_would_stay_randomly_initialised_is_refused "would stay randomly initialised",
        }
        SweepError {
            Job: "tests/cli/sweep.rs" job_that_fails_fails_the_sweep_with_its_code "a job has failed or was stopped",
            Interrupted: "tests/cli/signals.rs" ctrl_c_stops_the_jobs_of_a_sweep_after_their_steps_and_the_sweep_resumes "was interrupted",
            Incomplete: "tests/cli/sweep.rs" collect_reports_missing_runs_and_then_evaluates_nothing "1 of 4 runs are not finished",
            AllDiverged: "src/sweep/results.rs" diverged_trial_is_over_but_not_chosen "every trial has a run that diverged",
        }
        ServeError {
            System: "src/error/tests.rs" system_that_refuses_the_server_is_reported "the server can't work",
            Listen: "tests/cli/serve.rs" port_in_use_is_an_error_with_the_alternative "can't listen on 127.0.0.1",
        }
        ApiError {
            Malformed: "tests/cli/serve_refusals.rs" malformed_requests_are_refused "this is not a valid HTTP request: ",
            Query: "tests/cli/serve_refusals.rs" unknown_paths_and_runs_are_not_found "to ask for: the address may have run",
            Host: "tests/cli/serve_refusals.rs" requests_for_other_hosts_and_from_other_origins_are_refused "this server is not example.org",
            Origin: "tests/cli/serve_refusals.rs" requests_for_other_hosts_and_from_other_origins_are_refused "may not use this server",
            Path: "tests/cli/serve_refusals.rs" unknown_paths_and_runs_are_not_found "there is no /none here",
            NoRun: "tests/cli/serve_refusals.rs" unknown_paths_and_runs_are_not_found "there is no run ",
            NoReport: "tests/cli/serve_refusals.rs" run_without_a_report_is_answered_with_how_to_write_it "bare has no report.html",
            Method: "tests/cli/serve_refusals.rs" methods_that_are_not_allowed_are_answered_with_the_right_one "only POST is allowed here",
            Late: "tests/cli/serve_refusals.rs" slow_senders_are_given_up_and_do_not_delay_others "longer than 10 s to arrive",
            TooLarge: "tests/cli/serve_refusals.rs" large_requests_are_refused "the body is larger than 4 MiB",
            MediaType: "tests/cli/serve_refusals.rs" bodies_that_are_not_an_image_are_refused_with_the_reason "Content-Type must be",
            NoFile: "tests/cli/serve_refusals.rs" forms_without_an_image_are_refused_with_the_reason "the form has no file",
            Json: "tests/cli/serve_refusals.rs" bodies_that_are_not_an_image_are_refused_with_the_reason "not one flat JSON array of whole numbers",
            Image: "tests/cli/serve_refusals.rs" bodies_that_are_not_an_image_are_refused_with_the_reason "the image has 3 pixels",
            Run: "tests/cli/serve_refusals.rs" damaged_run_is_answered_with_the_damaged_file "is not the file that the run wrote",
            Evaluation: "tests/cli/serve_refusals.rs" network_with_nan_weights_is_reported "the model's output is NaN or infinite",
            Failure: "src/serve/service.rs" panic_is_answered_without_its_message "this request made the server fail",
        }
        WeightsError {
            Save: "src/error/tests.rs" weights_that_the_device_does_not_return_are_reported "can't save the model",
            Load: "src/model/weights.rs" weights_file_that_is_not_a_model_is_refused_with_the_reason "can't load a model from",
            Mismatch: "src/model/weights.rs" weights_of_another_network_are_refused_with_what_does_not_fit "does not fit this network",
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The body of a test that is not ignored, from its name to its closing brace.
fn body<'a>(source: &'a str, test: &str) -> Option<&'a str> {
    let (before, rest) = source.split_once(&format!("fn {test}("))?;
    let attributes = before.rsplit("\n\n").next()?;
    let runs = attributes.contains("#[test]") && !attributes.contains("#[ignore");
    let indentation = before.rsplit('\n').next()?;
    runs.then(|| rest.split(&format!("\n{indentation}}}\n")).next().unwrap_or(rest))
}

#[test]
fn error_variants_all_have_a_test_that_reads_their_message() {
    for Tested { variant, file, test, words } in table().into_iter().flat_map(|(_, tests)| tests) {
        let source = fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let body = body(&source, test).unwrap_or_else(|| panic!("{variant}: no test {test} in {file}"));
        assert!(body.contains(words), "{variant}: {test} in {file} does not read {words:?}");
    }
}

#[test]
fn error_enums_are_all_in_the_table() {
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

// These errors can't be caused on every machine, so the tests construct them.

#[test]
fn missing_or_broken_gpu_is_named_with_the_alternatives() {
    let none = DeviceError::NoAdapter { name: "wgpu:1".into(), count: 1, help: "install a driver".into() }.to_string();
    assert!(none.starts_with("no adapter found for device `wgpu:1` (1 in all, see `mnist-burn devices`)"), "{none}");
    let broken = DeviceError::Refused { name: "cuda".into(), help: "install a driver".into() }.to_string();
    assert!(broken.starts_with("device `cuda` can't be opened, see the message above"), "{broken}");
    for message in [none, broken] {
        assert!(message.ends_with("; install a driver"), "{message}");
    }
}

#[test]
fn dashboard_that_is_not_compiled_in_is_refused_with_the_build_that_has_it() {
    let message = UiError::NotBuilt.to_string();
    assert!(
        message.starts_with("`--ui tui` is not compiled in: use `cargo run --release --features tui`"),
        "{message}"
    );
}

#[test]
fn session_that_fails_is_reported_with_the_workers() {
    let message = RemoteError::Broken { workers: "ws://a:1, ws://b:2".into() }.to_string();
    assert!(message.starts_with("a session with one of these workers failed"), "{message}");
    assert!(message.contains("ws://a:1, ws://b:2") && message.contains("`mnist-burn resume RUN`"), "{message}");
}

#[test]
fn system_that_refuses_the_server_is_reported() {
    let source = std::io::ErrorKind::OutOfMemory.into();
    let message = ServeError::System { task: "its threads can't be started", source }.to_string();
    assert_eq!(message, "the server can't work: its threads can't be started");
}

#[test]
fn network_threads_that_cannot_start_are_reported() {
    let message = RemoteError::Runtime(std::io::ErrorKind::OutOfMemory.into()).to_string();
    assert_eq!(message, "can't start the network threads");
}

#[test]
fn training_that_stops_half_way_reports_the_reason() {
    assert_eq!(
        TrainingError::Stopped("the device is lost".into()).to_string(),
        "the training stopped: the device is lost"
    );
}

#[test]
fn device_that_fails_while_evaluating_is_reported() {
    let message = EvaluationError::Device("out of memory".into()).to_string();
    assert_eq!(message, "the device failed while evaluating: out of memory");
}

#[test]
fn weights_that_the_device_does_not_return_are_reported() {
    let message = WeightsError::Save("the device is lost".into()).to_string();
    assert_eq!(message, "can't save the model: the device is lost");
}
