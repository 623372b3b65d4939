//! Ctrl-C and SIGTERM: the training under way finishes its step and stops; a second one leaves at once.

use std::process;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use burn::train::Interrupter;

use crate::notice::notice;

/// The exit code of a program that a signal ended, as shells have it for Ctrl-C.
pub const EXIT_CODE: u8 = 130;

/// What a signal stops: the training under way, until it was told to.
static RUNNING: Mutex<Option<Interrupter>> = Mutex::new(None);

/// While it lives, a signal stops its training; after that, signals end the program.
pub struct Listening;

/// Has signals stop the training that asks `interrupter`.
pub fn listen(interrupter: &Interrupter) -> Listening {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        if let Err(error) = ctrlc::set_handler(answer) {
            notice(format!("warning: Ctrl-C will end the training without a word: {error}"));
        }
    });
    *running() = Some(interrupter.clone());
    Listening
}

impl Drop for Listening {
    fn drop(&mut self) {
        running().take();
    }
}

fn answer() {
    match running().take() {
        Some(interrupter) => {
            notice("stopping after this step; once more leaves at once");
            interrupter.stop(None);
        }
        None => process::exit(EXIT_CODE.into()),
    }
}

fn running() -> MutexGuard<'static, Option<Interrupter>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}
