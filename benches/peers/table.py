"""Runs ours and the peers one after the other, round by round, and prints how they compare. `run` sets it up."""

import csv
import datetime
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from recipe import BASELINE, LARGE

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RUNS = ROOT / "runs" / "peers"
OURS = os.environ.get("MNIST_BURN", "target/release/mnist-burn")
PEERS = ("keras_mnist.py", "pytorch_mnist.py", "jax_mnist.py")


def execute(command, environment=os.environ):
    """A command's output, its seconds from start to end, and its peak memory in MiB."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        started = time.time()
        environment = {**environment, "PEERS_STARTED": repr(started)}
        try:
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=errors)
        except OSError as error:
            sys.exit(f"{command[0]}: {error.strerror}; build ours with cargo build --release, or set MNIST_BURN")
        # Not Popen.wait: this one tells the peak memory too, in kibibytes on Linux and bytes on macOS.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.time() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode:
            sys.exit(f"{errors.read()[-4000:]}\n{' '.join(map(str, command))}: failed with {process.returncode}")
        return output.read(), seconds, usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def peer(script, *arguments):
    """The last line of a Python program's output."""
    # Some environments set these for builds with an old OpenBLAS; the peers' newer ones know the processor better.
    environment = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    output, _, _ = execute([sys.executable, HERE / script, *arguments], environment)
    return json.loads(output.splitlines()[-1])


def ours(device, recipe, seed):
    """The same figures of our program, from outside and from what its run leaves."""
    shutil.rmtree(RUNS, ignore_errors=True)
    settings = {
        "seed": seed,
        "model.hidden": list(recipe.hidden),
        "model.dropout": recipe.dropout,
        "training.batch_size": recipe.batch,
        "training.epochs": recipe.epochs,
    }
    command = [OURS, "--config", "config/baseline.toml", "--device", device, "--runs", RUNS]
    for key, value in settings.items():
        command += ["--set", f"{key}={value}"]
    _, seconds, peak = execute(command)
    (run,) = RUNS.iterdir()
    record = json.loads((run / "record.json").read_text())
    with open(run / "metrics.csv", newline="") as metrics:
        epochs = [float(row["seconds"]) for row in csv.DictReader(metrics)]
    return {
        "program": f"mnist-burn, {device}",
        "version": ", ".join([record["version"], *filter(None, [record["commit"]])]),
        "fit_seconds": record["training"]["wall_seconds"],
        "epoch_seconds": epochs,
        "test_accuracy": json.loads((run / "evaluation.json").read_text())["accuracy"],
        "total_seconds": seconds,
        "peak_mib": peak,
    }


def steady(result):
    """An epoch's seconds once everything is compiled and warm."""
    return statistics.median(result["epoch_seconds"][1:])


def median(results, figure):
    return statistics.median(map(figure, results))


def table(header, rows):
    print("| " + " | ".join(header) + " |")
    print("| " + " | ".join("---" for _ in header) + " |")
    for row in rows:
        print("| " + " | ".join(row) + " |")


def baseline_table(programs):
    """A row a program: medians, and each as a multiple of our fastest one's."""
    figures = [
        (
            results[0],
            median(results, lambda result: result["total_seconds"]),
            median(results, lambda result: result["fit_seconds"]),
            median(results, steady),
            median(results, lambda result: result["peak_mib"]),
            median(results, lambda result: result["test_accuracy"]),
        )
        for results in programs
    ]
    own = [row for row in figures if row[0]["program"].startswith("mnist-burn")]
    total_of_ours = min(row[1] for row in own)
    epoch_of_ours = min(row[3] for row in own)
    table(
        ("program", "version", "start to test accuracy", "× ours", "fit", "one epoch", "× ours", "memory", "accuracy"),
        [
            (
                first["program"],
                first["version"],
                f"{total:.1f} s",
                f"{total / total_of_ours:.2f}",
                f"{fit:.1f} s",
                f"{epoch:.2f} s",
                f"{epoch / epoch_of_ours:.2f}",
                f"{peak:.0f} MiB",
                f"{100 * accuracy:.2f} %",
            )
            for first, total, fit, epoch, peak, accuracy in figures
        ],
    )


def large_table(programs, sgemm):
    """A row a program: the speed, as a multiple of our fastest one's, and as a share of the matrix product's alone."""
    limit = max(sgemm.values())
    figures = [
        (
            results[0],
            median(results, lambda result: 60_000 / steady(result)),
            median(results, lambda result: result["peak_mib"]),
        )
        for results in programs
    ]
    fastest_of_ours = max(speed for first, speed, _ in figures if first["program"].startswith("mnist-burn"))
    rows = [
        (
            first["program"],
            f"{speed:.0f}",
            f"{speed / fastest_of_ours:.2f}",
            f"{speed * LARGE.flops / 1e9:.0f}",
            f"{100 * speed * LARGE.flops / 1e9 / limit:.0f} %",
            f"{peak:.0f} MiB",
        )
        for first, speed, peak in figures
    ]
    rows += [
        (f"matrix products alone, {name}", "", "", f"{gflops:.0f}", f"{100 * gflops / limit:.0f} %", "")
        for name, gflops in sgemm.items()
    ]
    table(("program", "images/s", "× ours", "GFLOP/s", "of the fastest product", "memory"), rows)


def machine():
    """The processor's name, and how many of its cores this system has."""
    if sys.platform == "darwin":
        name = subprocess.run(["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True).stdout
    else:
        lines = subprocess.run(["lscpu"], capture_output=True, text=True).stdout.splitlines()
        found = [line.split(":", 1)[1] for line in lines if line.strip().startswith(("Model name", "Flags"))]
        name, flags = (found + ["", ""])[:2]
        vectors = [flag for flag in ("avx512f", "avx2", "asimd") if flag in flags.split()]
        name = f"{name.strip() or platform.machine()}, {vectors[0] if vectors else 'no vectors'}"
    return f"{name.strip()}, {os.cpu_count()} cores"


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    listed, _, _ = execute([OURS, "devices"])
    compiled = [line.split()[0] for line in listed.splitlines() if line.strip()]
    devices = [device for device in ("ndarray", "flex") if device in compiled]
    load = os.getloadavg()[0]
    if load > 0.5:
        print(f"note: other programs are at work here (load {load:.1f}), so these figures will say little", file=sys.stderr)

    baseline, large, sgemm = {}, {}, {}

    def keep(results, result):
        print(json.dumps(result), file=sys.stderr)
        results.setdefault(result["program"], []).append(result)

    # A round of all, not all rounds of one: what slows the machine for a while slows no single program.
    for seed in range(1, rounds + 1):
        for recipe, results, arguments in ((BASELINE, baseline, ()), (LARGE, large, ("--large",))):
            for device in devices:
                keep(results, ours(device, recipe, seed))
            for script in PEERS:
                keep(results, peer(script, "--seed", str(seed), *arguments))
        for name, gflops in peer("sgemm.py")["gflops"].items():
            sgemm.setdefault(name, []).append(gflops)

    print(f"{machine()}; {platform.system()}; {datetime.date.today()}; medians of {rounds}; load before: {load:.1f}\n")
    print("The baseline: 784-128-10, dropout 0.2, Adam, batches of 32, 5 epochs, 60,000 images.\n")
    baseline_table(baseline.values())
    print("\nThe large network: 784-1024-1024-1024-10, Adam, batches of 512; the second epoch.\n")
    large_table(large.values(), {name: statistics.median(rates) for name, rates in sgemm.items()})


main()
