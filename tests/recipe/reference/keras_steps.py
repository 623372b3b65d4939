"""Ten steps of the reference recipe in float64, for tests/recipe/keras.rs to compare with.

    python3 tests/recipe/reference/keras_steps.py > tests/recipe/reference/keras_steps.json

One hidden ReLU layer, softmax, sparse categorical cross-entropy averaged over the batch, no dropout, and Adam as Keras
computes it (keras/src/optimizers/adam.py): alpha = lr * sqrt(1 - beta_2^t) / (1 - beta_1^t);
w -= alpha * m / (sqrt(v) + epsilon). The gradients are derived by hand; only NumPy is needed.

Weights are [outputs, inputs], as PyTorch has them. Inputs are rounded to float32, so that both sides start alike.
"""

import json

import numpy as np

STEPS, BATCH, INPUTS, HIDDEN, CLASSES = 10, 8, 20, 16, 10
RATE, BETA_1, BETA_2, EPSILON = 1e-3, 0.9, 0.999, 1e-7

random = np.random.default_rng(1998)


def single(array):
    return array.astype(np.float32).astype(np.float64)


def glorot(outputs, inputs):
    limit = np.sqrt(6 / (inputs + outputs))
    return single(random.uniform(-limit, limit, (outputs, inputs)))


weights = {
    "hidden.0.weight": glorot(HIDDEN, INPUTS),
    "hidden.0.bias": np.zeros(HIDDEN),
    "output.weight": glorot(CLASSES, HIDDEN),
    "output.bias": np.zeros(CLASSES),
}
images = single(random.uniform(0, 1, (STEPS, BATCH, INPUTS)))
# Some inputs are always 0, as in MNIST's corners: their gradients are zero, and Adam must not change their weights.
images[:, :, :4] = 0
labels = random.integers(0, CLASSES, (STEPS, BATCH))


def loss_and_gradients(w, x, y):
    before = x @ w["hidden.0.weight"].T + w["hidden.0.bias"]
    hidden = np.maximum(before, 0)
    logits = hidden @ w["output.weight"].T + w["output.bias"]
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = -log_probabilities[np.arange(len(y)), y].mean()
    d_logits = np.exp(log_probabilities)
    d_logits[np.arange(len(y)), y] -= 1
    d_logits /= len(y)
    d_before = (d_logits @ w["output.weight"]) * (before > 0)
    return loss, {
        "hidden.0.weight": d_before.T @ x,
        "hidden.0.bias": d_before.sum(axis=0),
        "output.weight": d_logits.T @ hidden,
        "output.bias": d_logits.sum(axis=0),
    }


def rounded(array):
    return [float(f"{value:.10g}") for value in np.ravel(array)]


def train(weights, epsilon):
    """The loss and all weights after each step."""
    steps = []
    first = {name: np.zeros_like(array) for name, array in weights.items()}
    second = {name: np.zeros_like(array) for name, array in weights.items()}
    for step in range(STEPS):
        loss, gradients = loss_and_gradients(weights, images[step], labels[step])
        alpha = RATE * np.sqrt(1 - BETA_2 ** (step + 1)) / (1 - BETA_1 ** (step + 1))
        for name, gradient in gradients.items():
            first[name] += (1 - BETA_1) * (gradient - first[name])
            second[name] += (1 - BETA_2) * (gradient**2 - second[name])
        weights = {
            name: array - alpha * first[name] / (np.sqrt(second[name]) + epsilon) for name, array in weights.items()
        }
        steps.append({"loss": loss, "weights": {name: rounded(array) for name, array in weights.items()}})
    return {"epsilon": epsilon, "steps": steps}


result = {
    "shape": {"inputs": INPUTS, "hidden": HIDDEN, "classes": CLASSES},
    "initial": {name: rounded(array) for name, array in weights.items()},
    "batches": [{"images": rounded(images[step]), "labels": labels[step].tolist()} for step in range(STEPS)],
    # The reference's epsilon is too small to show where it is added; the larger one shows it.
    "cases": [train(weights, EPSILON), train(weights, 1e-3)],
}
print(json.dumps(result, separators=(",", ":")).replace('{"loss"', '\n{"loss"').replace('{"images"', '\n{"images"'))
