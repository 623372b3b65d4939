//! Ctrl-C and SIGTERM: the first one stops what is running in an orderly way, the second one ends the program at once.

use std::sync::{Mutex, MutexGuard, Once, OnceLock, PoisonError};

use super::notice::warn;

/// The exit code of a program that a signal ended, as shells report it for Ctrl-C.
pub const EXIT_CODE: u8 = 130;

/// Stops what is running; none once it was told to.
static STOP: Mutex<Option<Box<dyn FnOnce() + Send>>> = Mutex::new(None);
/// Ends the program.
static QUIT: OnceLock<fn()> = OnceLock::new();

/// While it lives, a signal stops what is running. After that, signals end the program.
pub struct Listening;

/// Sets what ends the program.
pub fn quit_with(quit: fn()) {
    // The first one stays: a program has one way to end.
    let _ = QUIT.set(quit);
}

/// Has the first signal call `stop`.
pub fn listen(stop: impl FnOnce() + Send + 'static) -> Listening {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        if let Err(error) = ctrlc::set_handler(raise) {
            warn(format!("Ctrl-C will end the program at once, and nothing more is saved: {error}"));
        }
    });
    *stop_on_signal() = Some(Box::new(stop));
    Listening
}

impl Drop for Listening {
    fn drop(&mut self) {
        stop_on_signal().take();
    }
}

/// Does what a signal does.
pub fn raise() {
    let stop = stop_on_signal().take();
    match (stop, QUIT.get()) {
        (Some(stop), _) => stop(),
        (None, Some(quit)) => quit(),
        (None, None) => {}
    }
}

fn stop_on_signal() -> MutexGuard<'static, Option<Box<dyn FnOnce() + Send>>> {
    STOP.lock().unwrap_or_else(PoisonError::into_inner)
}
