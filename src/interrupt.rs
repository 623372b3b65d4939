//! Ctrl-C and SIGTERM: what is under way comes to its end first; a second one leaves at once.

use std::process;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use crate::notice::notice;

/// The exit code of a program that a signal ended, as shells have it for Ctrl-C.
pub const EXIT_CODE: u8 = 130;

/// Stops what is under way; none once it was told to.
static STOP: Mutex<Option<Box<dyn FnOnce() + Send>>> = Mutex::new(None);

/// While it lives, a signal stops what is under way; after that, signals end the program.
pub struct Listening;

/// Has the first signal call `stop`.
pub fn listen(stop: impl FnOnce() + Send + 'static) -> Listening {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        if let Err(error) = ctrlc::set_handler(raise) {
            notice(format!("warning: Ctrl-C will end the program without a word: {error}"));
        }
    });
    *held() = Some(Box::new(stop));
    Listening
}

impl Drop for Listening {
    fn drop(&mut self) {
        held().take();
    }
}

/// Does what a signal does.
pub fn raise() {
    let stop = held().take();
    match stop {
        Some(stop) => stop(),
        None => process::exit(EXIT_CODE.into()),
    }
}

fn held() -> MutexGuard<'static, Option<Box<dyn FnOnce() + Send>>> {
    STOP.lock().unwrap_or_else(PoisonError::into_inner)
}
