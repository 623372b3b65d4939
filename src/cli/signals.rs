//! Handles Ctrl-C and SIGTERM: the first one stops the current work in an orderly way, the second one ends the program.

use std::sync::{Mutex, MutexGuard, Once, OnceLock, PoisonError};

use super::notice::warn;

/// The exit code of a program that was ended by a signal, as shells report it for Ctrl-C.
pub const EXIT_CODE: u8 = 130;

/// The action that stops the current work. `None` after it was called.
static STOP: Mutex<Option<Box<dyn FnOnce() + Send>>> = Mutex::new(None);
/// The function that ends the program.
static QUIT: OnceLock<fn()> = OnceLock::new();

/// While this is alive, the first signal stops the current work. Other signals end the program.
pub struct Listening;

/// Sets the function that ends the program.
pub fn quit_with(quit: fn()) {
    // The first call wins: a program has one way to end.
    let _ = QUIT.set(quit);
}

/// Calls `stop` at the first signal.
pub fn listen(stop: impl FnOnce() + Send + 'static) -> Listening {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        if let Err(error) = ctrlc::set_handler(raise) {
            warn(format!("Ctrl-C will end the program at once without saving: {error}"));
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
