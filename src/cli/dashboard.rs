//! Burn's dashboard: the curves of a training, in the whole terminal.
//!
//! What its menu has Burn do is not what is done here. Its "kill" panics, in two threads, and its "stop" can't be told from
//! other stops, once Burn has reset it; either of them closes the dashboard here, and then does what Ctrl-C does. Ctrl-C
//! itself is a key like others as long as it is open.

use std::mem;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burn::train::Interrupter;
use burn::train::logger::{EvaluationProgressLogger, TrainingProgressLogger};
use burn::train::metric::MetricDefinition;
use burn::train::renderer::tui::TuiMetricsRendererWrapper;
use burn::train::renderer::{
    EvaluationName, MetricState, MetricsRenderer, MetricsRendererEvaluation, MetricsRendererTraining,
};

use super::notice::notice;
use super::{progress, signals};
use crate::training::History;

/// The dashboard of one training; copies share it.
#[derive(Clone)]
pub struct Dashboard {
    state: Arc<Mutex<State>>,
    history: History,
    epochs: usize,
    /// Whether the split under way has any images.
    has_images: bool,
}

struct State {
    window: Window,
    /// How many epochs the user was told of, here or by the training before this one.
    told: usize,
}

enum Window {
    /// To be opened.
    New,
    Open(Box<Open>),
    /// For good: a signal can come first.
    Closed,
}

struct Open {
    burn: TuiMetricsRendererWrapper,
    /// What "stop" in the menu stops: not the training itself.
    menu: Interrupter,
    /// Ends when Burn's thread has ended, and with it all that it does to the terminal.
    thread: Receiver<()>,
    /// The panic hook of before.
    hook: Arc<Hook>,
}

type Hook = dyn Fn(&PanicHookInfo) + Send + Sync;

impl Open {
    fn new(before: usize) -> Self {
        // Burn's thread keeps the panic hook that it finds, to put it back; so what the hook holds tells of that thread.
        let (held, thread) = mpsc::channel();
        let hook: Arc<Hook> = take_hook().into();
        let found = Arc::clone(&hook);
        set_hook(Box::new(move |panic| {
            let _held: &mpsc::Sender<()> = &held;
            found(panic);
        }));
        let menu = Interrupter::new();
        let burn = TuiMetricsRendererWrapper::new(menu.clone(), (before > 0).then_some(before));
        Self { burn, menu, thread, hook }
    }

    fn close(self) {
        // After a "kill" it panics whatever it is told, and then in its own thread: nobody is to hear of either.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(self.burn)));
        set_hook(Box::new(|_| ()));
        let _ = self.thread.recv();
        set_hook(Box::new(move |panic| (self.hook)(panic)));
    }
}

impl Dashboard {
    /// For a training of `epochs` epochs, of which `history` has those before.
    pub fn new(history: History, epochs: usize) -> Self {
        let state = State { window: Window::New, told: history.epochs().len() };
        Self { state: Arc::new(Mutex::new(state)), history, epochs, has_images: true }
    }

    /// Takes the terminal, unless it was told to close before.
    pub fn open(&self) {
        let mut state = self.lock();
        if matches!(state.window, Window::New) {
            state.window = Window::Open(Box::new(Open::new(state.told)));
        }
    }

    /// Leaves the terminal as it was found, and tells there of the epochs that have passed meanwhile.
    pub fn close(&self) {
        let mut state = self.lock();
        if let Window::Open(open) = mem::replace(&mut state.window, Window::Closed) {
            open.close();
        }
        let epochs = self.history.epochs();
        for epoch in &epochs[state.told..] {
            notice(progress::line(epoch, self.epochs));
        }
        state.told = epochs.len();
    }

    /// Passes something on to Burn, and does what was chosen in the menu.
    fn pass(&self, call: impl FnOnce(&mut TuiMetricsRendererWrapper)) {
        let is_left = match &mut self.lock().window {
            Window::Open(open) => {
                catch_unwind(AssertUnwindSafe(|| call(&mut open.burn))).is_err() || open.menu.should_stop()
            }
            Window::New | Window::Closed => false,
        };
        if is_left {
            self.close();
            signals::raise();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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

// Burn asks one renderer to show evaluations too; ours are counted without its evaluator.
impl MetricsRendererEvaluation for Dashboard {
    fn update_test(&mut self, _: EvaluationName, _: MetricState) {}
}

impl EvaluationProgressLogger for Dashboard {
    fn start_global_progress(&mut self, _: usize) {}
    fn start_test(&mut self, _: &str, _: usize) {}
    fn update_test_progress(&mut self, _: usize) {}
    fn end_test(&mut self) {}
    fn end_global_progress(&mut self) {}
    fn log_event_evaluation(&mut self, _: String) {}
}
