//! Handles Ctrl-C, SIGTERM and SIGHUP: the first one stops the current work in an orderly way, the second ends the program.

use std::sync::{Once, OnceLock};

use parking_lot::Mutex;
use sysinfo::{Pid, ProcessesToUpdate, Signal, System};

use super::notice::{say, warn};

/// The exit code of a program that was ended by a signal, as shells report it for Ctrl-C.
pub const EXIT_CODE: u8 = 130;

type Stop = Box<dyn FnOnce() + Send>;

/// The action that stops the current work. `None` after it was called.
static STOP: Mutex<Option<Stop>> = Mutex::new(None);
static QUIT: OnceLock<fn()> = OnceLock::new();

/// While this is alive, the first signal stops the current work. Afterwards, it does what it did before.
pub struct Listening(Option<Stop>);

/// Sets the function that ends the program.
pub fn quit_with(quit: fn()) {
    // The first call wins: a program has one way to end.
    let _ = QUIT.set(quit);
}

/// Calls `stop` at the first signal.
pub fn listen(stop: impl FnOnce() + Send + 'static) -> Listening {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let install = || ctrlc::set_handler(raise);
        // Windows has no ignored signals.
        #[cfg(unix)]
        let install = || keep_ignored(install);
        if let Err(error) = install() {
            warn(format!("Ctrl-C will end the program at once without saving: {error}"));
        }
    });
    Listening(STOP.lock().replace(Box::new(stop)))
}

/// Prints `words` at the first signal, and ends the program.
pub fn quit_saying(words: impl std::fmt::Display + Send + 'static) -> Listening {
    listen(move || {
        say(words);
        quit();
    })
}

impl Drop for Listening {
    fn drop(&mut self) {
        *STOP.lock() = self.0.take();
    }
}

/// Does what a signal does.
pub fn raise() {
    let stop = STOP.lock().take();
    stop.map_or_else(quit, |stop| stop());
}

/// Asks a process that this one has started to stop, where the system can.
pub fn terminate(process: u32) {
    let (mut system, id) = (System::new(), Pid::from_u32(process));
    system.refresh_processes(ProcessesToUpdate::Some(&[id]), true);
    let job = system.process(id).filter(|job| job.parent() == sysinfo::get_current_pid().ok());
    job.and_then(|job| job.kill_with(Signal::Term));
}

pub(crate) fn quit() {
    if let Some(quit) = QUIT.get() {
        quit();
    }
}

/// Installs handlers, but not for signals that the parent process made this one ignore, as `nohup` does.
#[cfg(unix)]
#[expect(unsafe_code, reason = "no library asks whether a signal is ignored")]
fn keep_ignored<T>(install: impl FnOnce() -> T) -> T {
    // Safety: this only sets the action of a valid signal, to what it was or to ignore it; neither runs code of this program.
    let set = |signal: libc::c_int, action| unsafe { libc::signal(signal, action) };
    let is_ignored = |&signal: &libc::c_int| {
        let before = set(signal, libc::SIG_IGN);
        set(signal, before);
        before == libc::SIG_IGN
    };
    let ignored: Vec<_> = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP].into_iter().filter(is_ignored).collect();
    let installed = install();
    for signal in ignored {
        set(signal, libc::SIG_IGN);
    }
    installed
}
