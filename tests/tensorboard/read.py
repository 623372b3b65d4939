"""Prints the scalars of a run's TensorBoard files as JSON: {"train": {"epoch_loss": [[wall_time, step, value], ...]}}.

python3 -m venv venv && . venv/bin/activate && pip install tensorboard
python3 tests/tensorboard/read.py runs/baseline-20260101-120000
"""

import json
import pathlib
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator



def points(events, tag):
    return [[point.wall_time, point.step, point.value] for point in events.Scalars(tag)]


curves = {}
for folder in sorted(pathlib.Path(sys.argv[1], "tensorboard").iterdir()):
    events = EventAccumulator(str(folder))
    events.Reload()
    curves[folder.name] = {tag: points(events, tag) for tag in events.Tags()["scalars"]}
print(json.dumps(curves))
