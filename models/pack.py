"""Packs a finished run into models/handwriting/, the run that the program carries.

    mnist-burn train --config config/handwriting.toml --run runs/handwriting
    python3 models/pack.py mnist-burn runs/handwriting

The first argument is the program. Needs only Python 3.
"""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

program, run = sys.argv[1], Path(sys.argv[2])
box = Path(__file__).parent / "handwriting"
box.mkdir(exist_ok=True)
model = box / "best.safetensors"
subprocess.run([program, "export", run, model, "--half", "--force"], check=True)
for name in ("config.toml", "metrics.csv"):
    shutil.copy(run / name, box / name)
record = json.loads((run / "record.json").read_text())
# It runs on any device, and has only this model.
record["device"] = "auto"
record["models"] = {model.name: [hashlib.sha256(model.read_bytes()).hexdigest()]}
(box / "record.json").write_text(json.dumps(record, indent=2))
# The evaluation is that of the packed model.
(box / "evaluation.json").unlink(missing_ok=True)
subprocess.run([program, "evaluate", box], check=True, stdout=subprocess.DEVNULL)
for name in ("report.html", ".lock"):
    (box / name).unlink(missing_ok=True)
