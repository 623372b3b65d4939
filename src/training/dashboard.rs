//! Burn's dashboard: the curves of a training, in the whole terminal.
//!
//! What its menu has Burn do is not what is done here. Its "kill" panics, in two threads, and its "stop" can't be told from
//! other stops, once Burn has reset it; either of them closes the dashboard here, and then does what Ctrl-C does. Ctrl-C
//! itself is a key like others as long as it is open.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burn::train::Interrupter;
use burn::train::logger::{EvaluationProgressLogger, TrainingProgressLogger};
use burn::train::metric::MetricDefinition;
use burn::train::renderer::tui::TuiMetricsRendererWrapper;
use burn::train::renderer::{
    EvaluationName, MetricState, MetricsRenderer, MetricsRendererEvaluation, MetricsRendererTraining,
};

use super::{Journal, progress};
use crate::interrupt;
use crate::notice::notice;

/// The dashboard of one training; copies share it.
#[derive(Clone)]
pub struct Dashboard {
    open: Arc<Mutex<Option<Open>>>,
    journal: Journal,
    epochs: usize,
    /// How many epochs were done before.
    before: usize,
    /// Whether the split under way has any images.
    has_images: bool,
}

struct Open {
    burn: TuiMetricsRendererWrapper,
    /// What "stop" in the menu stops: not the training itself.
    menu: Interrupter,
    /// Ends when Burn's thread has ended, and with it all that it does to the terminal.
    thread: Receiver<()>,
}

impl Open {
    fn new(before: usize) -> Self {
        // Burn's thread keeps the panic hook that it finds, to put it back; so what the hook holds tells of that thread.
        let (held, thread) = mpsc::channel();
        let hook = take_hook();
        set_hook(Box::new(move |panic| {
            let _held: &mpsc::Sender<()> = &held;
            hook(panic);
        }));
        let menu = Interrupter::new();
        let burn = TuiMetricsRendererWrapper::new(menu.clone(), (before > 0).then_some(before));
        Self { burn, menu, thread }
    }

    fn close(self) {
        // After a "kill" it panics whatever it is told, and says nothing of it.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(self.burn)));
        drop(take_hook());
        let _ = self.thread.recv();
    }
}

impl Dashboard {
    /// For a training of `epochs` epochs, of which `journal` has those before.
    pub fn new(journal: Journal, epochs: usize) -> Self {
        let before = journal.epochs().len();
        Self { open: Arc::default(), journal, epochs, before, has_images: true }
    }

    /// Takes the terminal.
    pub fn open(&self) {
        *self.lock() = Some(Open::new(self.before));
    }

    /// Leaves the terminal as it was found, and tells there of the epochs that have passed meanwhile.
    pub fn close(&self) {
        let mut open = self.lock();
        if let Some(open) = open.take() {
            open.close();
            for epoch in &self.journal.epochs()[self.before..] {
                notice(progress::line(epoch, self.epochs));
            }
        }
    }

    /// Passes something on to Burn, and does what was chosen in the menu.
    fn pass(&self, call: impl FnOnce(&mut TuiMetricsRendererWrapper)) {
        let is_left = match &mut *self.lock() {
            Some(Open { burn, menu, .. }) => {
                catch_unwind(AssertUnwindSafe(|| call(burn))).is_err() || menu.should_stop()
            }
            None => false,
        };
        if is_left {
            self.close();
            interrupt::raise();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TrainingProgressLogger for Dashboard {
    fn start(&mut self, epochs: usize, first: usize, items: Option<usize>, label: Option<&str>) {
        self.pass(|burn| burn.start(epochs, first, items, label));
    }

    fn start_split(&mut self, split: &str, items: usize) {
        self.has_images = items > 0;
        self.pass(|burn| burn.start_split(split, items));
    }

    fn update_split(&mut self, items: usize) {
        self.pass(|burn| burn.update_split(items));
    }

    fn end_split(&mut self) {
        self.pass(|burn| burn.end_split());
    }

    fn update_epoch(&mut self, epoch: usize) {
        self.pass(|burn| burn.update_epoch(epoch));
    }

    fn end(&mut self) {
        self.pass(|burn| burn.end());
    }

    fn log_event_training(&mut self, event: String) {
        self.pass(|burn| burn.log_event_training(event));
    }
}

impl MetricsRendererTraining for Dashboard {
    fn update_train(&mut self, state: MetricState) {
        self.pass(|burn| burn.update_train(state));
    }

    fn update_valid(&mut self, state: MetricState) {
        // Burn gives figures of an empty split as well.
        if self.has_images {
            self.pass(|burn| burn.update_valid(state));
        }
    }
}

impl MetricsRenderer for Dashboard {
    fn manual_close(&mut self) {
        self.close();
    }

    fn register_metric(&mut self, definition: MetricDefinition) {
        self.pass(|burn| burn.register_metric(definition));
    }
}

impl MetricsRendererEvaluation for Dashboard {
    fn update_test(&mut self, name: EvaluationName, state: MetricState) {
        self.pass(|burn| burn.update_test(name, state));
    }
}

impl EvaluationProgressLogger for Dashboard {
    fn start_global_progress(&mut self, tests: usize) {
        self.pass(|burn| burn.start_global_progress(tests));
    }

    fn start_test(&mut self, name: &str, items: usize) {
        self.pass(|burn| burn.start_test(name, items));
    }

    fn update_test_progress(&mut self, items: usize) {
        self.pass(|burn| burn.update_test_progress(items));
    }

    fn end_test(&mut self) {
        self.pass(|burn| burn.end_test());
    }

    fn end_global_progress(&mut self) {
        self.pass(|burn| burn.end_global_progress());
    }

    fn log_event_evaluation(&mut self, event: String) {
        self.pass(|burn| burn.log_event_evaluation(event));
    }
}
