"""Prints the logits of a model for some images as JSON, from NumPy and the description of the format alone.

    python3 tests/weights/logits.py MODEL.safetensors IMAGES        (needs numpy)

IMAGES holds images one after the other, a byte a pixel. The network has ReLU between its layers, and its inputs are
pixels / 255.
"""

import json
import struct
import sys

import numpy as np

file = open(sys.argv[1], "rb").read()
(length,) = struct.unpack("<Q", file[:8])
header, data = json.loads(file[8 : 8 + length]), file[8 + length :]
w = {}
for name, tensor in header.items():
    if name != "__metadata__":
        start, end = tensor["data_offsets"]
        w[name] = np.frombuffer(data[start:end], "<f4").astype(np.float64).reshape(tensor["shape"])

inputs = w["hidden.0.weight"].shape[1]
x = np.fromfile(sys.argv[2], np.uint8).reshape(-1, inputs) / 255
layer = 0
while f"hidden.{layer}.weight" in w:
    x = x @ w[f"hidden.{layer}.weight"].T + w[f"hidden.{layer}.bias"]
    if f"norm.{layer}.weight" in w:
        norm = {part: w[f"norm.{layer}.{part}"] for part in ["weight", "bias", "running_mean", "running_var"]}
        x = (x - norm["running_mean"]) / np.sqrt(norm["running_var"] + 1e-5) * norm["weight"] + norm["bias"]
    x = np.maximum(x, 0)
    layer += 1
print(json.dumps((x @ w["output.weight"].T + w["output.bias"]).tolist()))
