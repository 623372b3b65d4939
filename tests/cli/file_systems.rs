//! File systems without locks, without the sync of folders, or full; names and paths of all kinds; temporary files.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;

use super::stale::tiny;
use super::trained::smoke;
use super::{DEVICE, failure, folders, program, stdout, success};

/// Errors of Linux, as numbers.
const EINVAL: &str = "22";
pub const ENOSPC: &str = "28";
const ENOLCK: &str = "37";
const ENOSYS: &str = "38";
const EOPNOTSUPP: &str = "95";

/// A library that makes `flock` and `fsync` fail with the errors that the environment names, as they do on some file
/// systems.
const SOURCE: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
static int fails(const char *variable) {
    const char *number = getenv(variable);
    return number ? (errno = atoi(number), 1) : 0;
}
int flock(int file, int operation) {
    if (fails("LOCK_ERROR")) return -1;
    return ((int (*)(int, int))dlsym(RTLD_NEXT, "flock"))(file, operation);
}
int fsync(int file) {
    struct stat is;
    fstat(file, &is);
    if (S_ISDIR(is.st_mode) && fails("FOLDER_SYNC_ERROR")) return -1;
    /* A disk on which there is room for small files only. */
    if (S_ISREG(is.st_mode) && is.st_size > 16384 && fails("FILE_SYNC_ERROR")) return -1;
    return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(file);
}
"#;

/// The built library.
pub struct Shim(TempDir);

impl Shim {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("shim.c");
        fs::write(&source, SOURCE).unwrap();
        let mut cc = Command::new("cc");
        success(cc.args(["-shared", "-fPIC", "-o"]).arg(folder.path().join("shim.so")).arg(source).arg("-ldl"));
        Self(folder)
    }

    /// Makes a command use the library.
    pub fn preload<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("LD_PRELOAD", self.0.path().join("shim.so"))
    }
}

#[test]
fn file_system_without_locks_or_folder_syncs_is_one_warning() {
    let (shim, folder) = (Shim::new(), tempfile::tempdir().unwrap());
    let cases = [
        ("LOCK_ERROR", ENOSYS, "has no locks"),
        ("LOCK_ERROR", ENOLCK, "has no locks"),
        ("LOCK_ERROR", EOPNOTSUPP, "has no locks"),
        ("FOLDER_SYNC_ERROR", EINVAL, "can't sync folders"),
        ("FOLDER_SYNC_ERROR", EOPNOTSUPP, "can't sync folders"),
    ];
    for (variable, error, words) in cases {
        let run = folder.path().join(format!("{variable}-{error}"));
        let warns = |command: &mut Command| {
            let (_, message) = success(shim.preload(command).env(variable, error));
            assert_eq!(message.matches("warning:").count(), 1, "{message}");
            assert!(message.contains(&format!("the file system of {} {words}", run.display())), "{message}");
        };
        warns(&mut tiny(&run, 1));
        warns(program().arg("resume").arg(&run).args(["--set", "training.epochs=2"]));
        let listed = stdout(shim.preload(program().args(["runs", "--runs"]).arg(folder.path())).env(variable, error));
        assert!(listed.contains("2/2") && !listed.contains("training"), "{listed}");
    }
    let model = folder.path().join("model.safetensors");
    let mut export = program();
    shim.preload(export.arg("export").arg(&smoke().run).arg(&model)).env("FOLDER_SYNC_ERROR", EINVAL);
    assert!(success(&mut export).1.contains("can't sync folders") && model.exists());
    // A folder whose sync fails for another reason is still an error.
    let run = folder.path().join("full");
    assert!(failure(shim.preload(&mut tiny(&run, 1)).env("FOLDER_SYNC_ERROR", ENOSPC)).contains("can't write"));
}

#[test]
fn training_is_seen_by_those_who_may_only_read() {
    let runs = tempfile::tempdir().unwrap();
    let run = runs.path().join("run");
    smoke().copy_to(&run);
    // A shared lock is refused while the exclusive one is held, also where an exclusive one needs the right to write.
    let lock = fs::File::create(run.join(".lock")).unwrap();
    lock.lock().unwrap();
    let list = || stdout(program().args(["runs", "--runs"]).arg(runs.path()));
    assert!(list().trim_end().ends_with("training"));
    // Those who only ask do not seem to train to each other.
    lock.unlock().unwrap();
    lock.lock_shared().unwrap();
    assert!(list().trim_end().ends_with("finished"));
}

#[test]
fn dry_run_leaves_no_file_even_if_it_is_killed() {
    let temporary = tempfile::tempdir().unwrap();
    let dry_run = |kill_after: Option<Duration>| {
        let mut command = program();
        command.args([
            "--config",
            "config/smoke.toml",
            "--device",
            DEVICE,
            "--dry-run",
            "--set",
            "training.tensorboard=true",
        ]);
        command.args(["--set", "model.hidden=[2000,500]"]).env("TMPDIR", temporary.path());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        match kill_after {
            Some(time) => {
                sleep(time);
                child.kill().unwrap();
                child.wait().unwrap();
            }
            None => assert!(child.wait().unwrap().success()),
        }
        assert_eq!(folders(temporary.path()).len(), 0, "killed after {kill_after:?}");
    };
    dry_run(None);
    (1..8).for_each(|tenth| dry_run(Some(Duration::from_millis(100 * tenth))));
}

#[test]
fn tilde_is_the_home_folder_in_arguments_and_configs() {
    let home = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let at_home = |command: &mut Command| {
        command.env("HOME", home.path()).current_dir(elsewhere.path());
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::os::unix::fs::symlink(root.join("data/mnist"), home.path().join("digits")).unwrap();
    let config = fs::read_to_string(root.join("config/smoke.toml")).unwrap();
    assert!(config.contains("[data]\n"), "{config}");
    let config = config.replace("[data]\n", "[data]\ndir = '~/digits'\nfraction = 0.02\n");
    fs::write(home.path().join("mine.toml"), config).unwrap();
    let mut train = program();
    train.args(["--config", "~/mine.toml", "--runs=~/runs", "--device", DEVICE]);
    at_home(&mut train);
    success(&mut train);
    let [run] = &folders(&home.path().join("runs"))[..] else { panic!("one run") };
    let saved = fs::read_to_string(run.join("config.toml")).unwrap();
    assert!(saved.contains(&format!("dir = \"{}\"", home.path().join("digits").display())), "{saved}");

    let sweep = "base = '~/mine.toml'\nseeds = [1]\n[grid]\n'training.epochs' = [1]\n'init.from' = ['~/none']\n";
    fs::write(home.path().join("all.toml"), sweep).unwrap();
    let mut command = program();
    command.args(["sweep", "~/all.toml", "--runs", "~/runs"]);
    at_home(&mut command);
    let message = failure(&mut command);
    assert!(message.contains(home.path().join("none").to_str().unwrap()), "{message}");
    let mut export = program();
    export.args(["export".as_ref(), run.as_os_str(), "~/model".as_ref()]);
    at_home(&mut export);
    success(&mut export);
    assert!(home.path().join("model").exists());
    assert_eq!(folders(elsewhere.path()).len(), 0);
}

#[test]
fn names_that_are_not_text_work_for_outputs_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = |ending: &str| {
        let name = OsString::from_vec([b"b\xff", ending.as_bytes()].concat());
        folder.path().join(name)
    };
    success(program().arg("export").arg(&smoke().run).arg(path(".safetensors")));
    success(program().args(["images", "--set", "data.fraction=0.02", "-o"]).arg(path(".png")));
    success(program().arg("report").arg(&smoke().run).arg("-o").arg(path(".html")));
    success(&mut tiny(&path("-run"), 1));
    success(program().arg("evaluate").arg(path("-run")));
    let names: Vec<_> = folders(folder.path()).into_iter().map(|path| path.file_name().unwrap().to_owned()).collect();
    assert!(names.iter().all(|name| name.as_bytes().starts_with(b"b\xff")) && names.len() == 4, "{names:?}");
}

#[test]
fn empty_current_folder_can_be_the_run_folder() {
    let folder = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = tiny(OsStr::new(".").as_ref(), 1);
    command.current_dir(folder.path()).arg("--set").arg(format!("data.dir={}", root.join("data/mnist").display()));
    let arguments: Vec<OsString> = command.get_args().map(OsStr::to_owned).collect();
    let mut again = program();
    again.current_dir(folder.path());
    for argument in arguments {
        let is_config = argument == "config/smoke.toml";
        again.arg(if is_config { root.join(&argument).into_os_string() } else { argument });
    }
    success(&mut again);
    assert!(folder.path().join("evaluation.json").exists());
}
