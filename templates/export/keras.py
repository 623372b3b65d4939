"""A digit classifier in Keras, whose weights are in model.safetensors. It needs keras, a backend of it, and safetensors.

    from model import load
    classes = load().predict(images).argmax(1)  # positions, from 0; grey levels: uint8, [batch, height, width]

`python model.py` checks that it computes what mnist-burn does.
"""

import json
from pathlib import Path

import keras
import numpy as np
from safetensors import safe_open

FILE = Path(__file__).with_name("model.safetensors")


def load(path=FILE):
    """The trained network: from grey levels, uint8 [batch, height, width], to logits, [batch, classes]."""
    with safe_open(path, "np") as file:
        about = file.metadata()
        weights = {name: file.get_tensor(name) for name in file.keys()}
    architecture, classes, pixels = (json.loads(about[name]) for name in ("architecture", "classes", "pixels"))
    mean, deviation = pixels["scaling"]["mean"], pixels["scaling"]["deviation"]
    model = keras.Sequential([
        keras.Input((architecture["height"], architecture["width"]), dtype="uint8"),
        keras.layers.Rescaling(1 / (255 * deviation), -mean / deviation),
        keras.layers.Flatten(),
    ])
    for number, width in enumerate(architecture["hidden"]):
        model.add(keras.layers.Dense(width, name=f"hidden_{number}"))
        if architecture["batch_norm"]:
            model.add(keras.layers.BatchNormalization(epsilon=1e-5, name=f"norm_{number}"))
        model.add(keras.layers.Activation(about["activation"]))
    model.add(keras.layers.Dense(len(classes), name="output"))
    for layer in model.layers:
        name = layer.name.replace("_", ".")
        if f"{name}.running_mean" in weights:
            layer.set_weights([weights[f"{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")])
        elif f"{name}.weight" in weights:
            layer.set_weights([weights[f"{name}.weight"].T, weights[f"{name}.bias"]])
    return model


def check(path=FILE):
    """Compares the logits of one image, whose pixels count from 0 to 255 again and again, with those of mnist-burn."""
    with safe_open(path, "np") as file:
        about = file.metadata()
    size = json.loads(about["architecture"])
    image = np.arange(size["height"] * size["width"]).astype(np.uint8).reshape(1, size["height"], size["width"])
    expected = np.array([json.loads(about["check_logits"])])
    found = load(path).predict(image, verbose=0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


if __name__ == "__main__":
    check()
    print("This network computes what mnist-burn does.")
