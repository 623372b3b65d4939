//! Burn's dashboard: the curves of a training, on the whole terminal. "kill" and "stop" in its menu close it and do
//! what Ctrl-C does, which is an ordinary key meanwhile. Burn's "kill" panics in two threads, and its "stop" can't be
//! told from other stops after Burn has reset it.

use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};

use burn::train::renderer::tui::TuiMetricsRendererWrapper;
use burn::train::renderer::{MetricState, MetricsRenderer, MetricsRendererTraining};
use burn::train::{Interrupter, logger::TrainingProgressLogger, metric::MetricDefinition};
use parking_lot::Mutex;

use super::{notice::notice, progress, signals};
use crate::training::History;

#[derive(Clone)]
pub struct Dashboard {
    state: Arc<Mutex<State>>,
    history: History,
    epochs: usize,
    has_images: bool,
}

struct State {
    /// `None` after it was closed.
    open: Option<Open>,
    /// The number of epochs that were reported, here or by the process before this one.
    reported: usize,
}

struct Open {
    burn: TuiMetricsRendererWrapper,
    /// The interrupter for "stop" in the menu. It is not the training's own.
    menu: Interrupter,
    /// Closes when Burn's thread has ended, and with it everything that it does to the terminal.
    thread: Receiver<()>,
    hook: Arc<Hook>,
}

type Hook = dyn Fn(&PanicHookInfo) + Send + Sync;

impl Open {
    fn new(epochs_done: usize) -> Self {
        // Burn's thread keeps the current panic hook, to restore it, and with it the sender in this hook.
        let (held, thread) = mpsc::channel();
        let hook: Arc<Hook> = take_hook().into();
        let previous = Arc::clone(&hook);
        set_hook(Box::new(move |panic| {
            let _held: &mpsc::Sender<()> = &held;
            previous(panic);
        }));
        let menu = Interrupter::new();
        let burn = TuiMetricsRendererWrapper::new(menu.clone(), (epochs_done > 0).then_some(epochs_done));
        Self { burn, menu, thread, hook }
    }

    fn close(self) {
        // After a "kill", Burn panics at every call, then in its own thread. Suppress both panics.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(self.burn)));
        set_hook(Box::new(|_| ()));
        let _ = self.thread.recv();
        set_hook(Box::new(move |panic| (self.hook)(panic)));
    }
}

impl Dashboard {
    /// Opens a dashboard for a training of at most `epochs` epochs. `history` has the epochs so far.
    pub fn new(history: History, epochs: usize) -> Self {
        let reported = history.epochs().len();
        let state = State { open: Some(Open::new(reported)), reported };
        Self { state: Arc::new(Mutex::new(state)), history, epochs, has_images: true }
    }

    /// Restores the terminal, and prints the lines of the epochs since the dashboard was opened.
    pub fn close(&self) {
        let mut state = self.state.lock();
        if let Some(open) = state.open.take() {
            open.close();
        }
        let epochs = self.history.epochs();
        for epoch in &epochs[state.reported..] {
            notice(progress::line(epoch, self.epochs));
        }
        state.reported = epochs.len();
    }

    /// Forwards a call to Burn's dashboard. Then closes it and stops the training, if the user chose so in the menu.
    fn forward(&self, call: impl FnOnce(&mut TuiMetricsRendererWrapper)) {
        let mut state = self.state.lock();
        let Some(open) = &mut state.open else { return };
        let has_panicked = catch_unwind(AssertUnwindSafe(|| call(&mut open.burn))).is_err();
        if has_panicked || open.menu.should_stop() {
            drop(state);
            self.close();
            signals::raise();
        }
    }
}

macro_rules! forwarded {
    ($($method:ident($($argument:ident: $type:ty),*);)*) => {
        $(fn $method(&mut self, $($argument: $type),*) {
            self.forward(|burn| burn.$method($($argument),*));
        })*
    };
}

impl TrainingProgressLogger for Dashboard {
    forwarded! {
        start(epochs: usize, first: usize, items: Option<usize>, label: Option<&str>);
        update_split(items: usize);
        end_split();
        update_epoch(epoch: usize);
        end();
        log_event_training(event: String);
    }

    fn start_split(&mut self, split: &str, items: usize) {
        self.has_images = items > 0;
        self.forward(|burn| burn.start_split(split, items));
    }
}

impl MetricsRendererTraining for Dashboard {
    forwarded! { update_train(state: MetricState); }

    fn update_valid(&mut self, state: MetricState) {
        // Burn also reports metrics for an empty split.
        if self.has_images {
            self.forward(|burn| burn.update_valid(state));
        }
    }
}

impl MetricsRenderer for Dashboard {
    forwarded! { register_metric(definition: MetricDefinition); }

    fn manual_close(&mut self) {
        self.close();
    }
}

shows_no_evaluation!(Dashboard);
