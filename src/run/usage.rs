//! What a training takes: time, memory and energy.

use std::path::{Path, PathBuf};
use std::{fs, time::Instant};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

use crate::text::bytes;

/// Where Linux tells the energy that processors take (RAPL), mostly to the superuser only.
const POWERCAP: &str = "/sys/class/powercap";

/// What a training has taken so far, in all the processes that it took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// The wall-clock seconds of the training, including validation and saving.
    #[serde(alias = "wall")]
    pub wall_seconds: f64,
    /// The CPU seconds of all processor cores in the same time. 0 if the system does not tell.
    #[serde(alias = "cpu")]
    pub cpu_seconds: f64,
    /// The most memory that a process of it had, in bytes. `None` if the system does not tell.
    pub peak_memory_bytes: Option<u64>,
    /// The energy that the machine's processors took in this time, in joules. `None` if the machine does not tell.
    pub energy_joules: Option<f64>,
}

impl Usage {
    /// What two trainings took, one after the other.
    pub fn and(self, other: Self) -> Self {
        Self {
            wall_seconds: self.wall_seconds + other.wall_seconds,
            cpu_seconds: self.cpu_seconds + other.cpu_seconds,
            peak_memory_bytes: self.peak_memory_bytes.max(other.peak_memory_bytes),
            energy_joules: self.energy_joules.zip(other.energy_joules).map(|(one, other)| one + other),
        }
    }

    pub(crate) fn memory(&self) -> String {
        self.peak_memory_bytes.map_or_else(|| "not measured: the system does not tell".into(), bytes)
    }

    pub(crate) fn energy(&self) -> String {
        let joules = |energy| format!("{energy:.0} J, of the machine's CPUs, with all programs on them");
        self.energy_joules.map_or_else(|| "not measured: the machine does not tell".into(), joules)
    }
}

/// Measures what a training takes.
#[derive(Debug)]
pub struct Meter {
    start: Instant,
    before: Usage,
    /// CPU time of this process before the start.
    cpu: f64,
    processors: Mutex<Vec<Processor>>,
}

/// A processor's counter of energy, which begins again at 0 after some hours at most.
#[derive(Debug)]
struct Processor {
    counter: PathBuf,
    /// The first value that it does not reach, in microjoules.
    range: u64,
    last: u64,
    /// The sum of its steps since the start, in microjoules.
    sum: u64,
}

impl Meter {
    /// Starts a meter that already shows `before`.
    pub fn start(before: Usage) -> Self {
        let processors = Mutex::new(processors(Path::new(POWERCAP)));
        // Linux forgets the peak of this process, such as that of the run before this one in a sweep.
        let _ = fs::write("/proc/self/clear_refs", "5");
        Self { start: Instant::now(), before, cpu: processor_seconds(), processors }
    }

    /// What it shows.
    pub fn read(&self) -> Usage {
        let mut processors = self.processors.lock();
        let joules = processors.iter_mut().map(Processor::read).sum::<u64>() as f64 / 1e6;
        let now = Usage {
            wall_seconds: self.start.elapsed().as_secs_f64(),
            cpu_seconds: processor_seconds() - self.cpu,
            peak_memory_bytes: peak_memory(),
            energy_joules: (!processors.is_empty()).then_some(joules),
        };
        if self.before.wall_seconds > 0.0 { self.before.and(now) } else { now }
    }
}

impl Processor {
    fn read(&mut self) -> u64 {
        let now = number(&self.counter).unwrap_or(self.last);
        self.sum += if now >= self.last { now - self.last } else { now + self.range.saturating_sub(self.last) };
        self.last = now;
        self.sum
    }
}

/// The processors whose counters can be read. Other counters are of their parts, or of the whole machine.
fn processors(folder: &Path) -> Vec<Processor> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_whole = |path: &PathBuf| fs::read_to_string(path.join("name")).is_ok_and(|name| name.starts_with("package"));
    let processor = |path: PathBuf| {
        let counter = path.join("energy_uj");
        Some(Processor { range: number(&path.join("max_energy_range_uj"))?, last: number(&counter)?, counter, sum: 0 })
    };
    entries.filter(is_whole).filter_map(processor).collect()
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(1024 * line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?)
}

fn processor_seconds() -> f64 {
    let Ok(this) = sysinfo::get_current_pid() else { return 0.0 };
    let mut system = System::new();
    let what = ProcessRefreshKind::nothing().with_cpu();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[this]), true, what);
    system.process(this).map_or(0.0, |process| process.accumulated_cpu_time() as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energy_is_the_sum_of_the_steps_of_whole_processors() {
        let folder = tempfile::tempdir().unwrap();
        let set = |name: &str, file: &str, value: u64| {
            fs::create_dir_all(folder.path().join(name)).unwrap();
            fs::write(folder.path().join(name).join(file), format!("{value}\n")).unwrap();
        };
        let counters = [
            ("intel-rapl:0", "package-0", 900),
            ("intel-rapl:1", "package-1", 10),
            ("intel-rapl:0:0", "core", 5),
            ("intel-rapl:2", "psys", 5),
        ];
        for (folder_name, name, start) in counters {
            set(folder_name, "max_energy_range_uj", 1_000);
            set(folder_name, "energy_uj", start);
            fs::write(folder.path().join(folder_name).join("name"), format!("{name}\n")).unwrap();
        }
        let mut found = processors(folder.path());
        assert_eq!(found.len(), 2);
        let mut read = || found.iter_mut().map(Processor::read).sum::<u64>();
        assert_eq!(read(), 0);
        set("intel-rapl:1", "energy_uj", 40);
        set("intel-rapl:0:0", "energy_uj", 500);
        // Past its range, the counter begins again.
        set("intel-rapl:0", "energy_uj", 20);
        assert_eq!(read(), 30 + 120);
        assert!(processors(Path::new("/nowhere")).is_empty());
    }

    #[test]
    fn meter_goes_on_from_what_was_taken_before() {
        let before =
            Usage { wall_seconds: 5.0, cpu_seconds: 3.0, peak_memory_bytes: Some(u64::MAX), energy_joules: None };
        let usage = Meter::start(before).read();
        assert!(usage.wall_seconds >= 5.0 && usage.cpu_seconds >= 3.0 && usage.wall_seconds < 100.0);
        assert_eq!((usage.peak_memory_bytes, usage.energy_joules), (Some(u64::MAX), None));
        let fresh = Meter::start(Usage::default()).read();
        assert!(!cfg!(target_os = "linux") || fresh.peak_memory_bytes.is_some_and(|bytes| bytes > 1 << 20));
    }
}
