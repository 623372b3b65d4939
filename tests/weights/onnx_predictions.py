"""Checks an ONNX file, and prints onnxruntime's labels and logits of images as JSON, once all at once and once one by one.

    python3 tests/weights/onnx_predictions.py MODEL.onnx IMAGES HEIGHT WIDTH        (needs numpy, onnx, onnxruntime)

IMAGES holds images one after the other, a byte a pixel. A model of scaled pixels gets them by the scaling in its metadata.
"""

import json
import sys

import numpy as np
import onnx
import onnxruntime

path, height, width = sys.argv[1], int(sys.argv[3]), int(sys.argv[4])
onnx.checker.check_model(onnx.load(path), full_check=True)
session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
metadata = session.get_modelmeta().custom_metadata_map
(given,) = session.get_inputs()
images = np.fromfile(sys.argv[2], np.uint8).reshape(-1, height, width)
if given.name == "pixels":
    scaling = json.loads(metadata["pixels"])["scaling"]
    images = ((images.reshape(len(images), -1) / 255 - scaling["mean"]) / scaling["deviation"]).astype(np.float32)
logits, probabilities, labels = session.run(["logits", "probabilities", "label"], {given.name: images})
assert labels.dtype == np.int64 and np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
for at in range(3):
    alone = session.run(["logits"], {given.name: images[at : at + 1]})[0]
    assert np.allclose(alone[0], logits[at], atol=1e-5 * np.abs(logits[at]).max()), at
print(json.dumps({"metadata": metadata, "labels": labels.tolist(), "logits": logits.tolist()}))
