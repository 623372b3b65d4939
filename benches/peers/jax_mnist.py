"""The recipe in JAX, as fast as it gets there: a whole epoch, from the shuffling to the metrics, is one compiled scan."""

import report  # First: it takes the time.

import functools
import time

import idx
import jax
import jax.numpy as jnp
from recipe import arguments

recipe, seed = arguments()


def arrays(images, labels):
    """Pixels in [0, 1] of shape [n, 784], and labels."""
    return jnp.asarray(images.reshape(len(images), -1), jnp.float32) / 255, jnp.asarray(labels, jnp.int32)


def init(key):
    """(weights [inputs, outputs], biases [outputs]) of each layer: Glorot uniform, and zeros."""
    glorot = jax.nn.initializers.glorot_uniform()
    keys = jax.random.split(key, len(recipe.layers))
    return [(glorot(key, shape), jnp.zeros(shape[1])) for key, shape in zip(keys, recipe.layers)]


def logits(model, x, key=None):
    """[n, 10] of x [n, 784]; with dropout if there is a key."""
    *hidden, output = model
    for index, (weights, biases) in enumerate(hidden):
        x = jax.nn.relu(x @ weights + biases)
        if key is not None and recipe.dropout:
            kept = jax.random.bernoulli(jax.random.fold_in(key, index), 1 - recipe.dropout, x.shape)
            x = jnp.where(kept, x / (1 - recipe.dropout), 0)
    weights, biases = output
    return x @ weights + biases


def cross_entropy(model, x, y, key):
    """The mean loss, and how many are right."""
    scores = logits(model, x, key)
    right = (scores.argmax(1) == y).sum()
    return -jnp.take_along_axis(jax.nn.log_softmax(scores), y[:, None], 1).mean(), right


def adam(model, gradients, first, second, step):
    """Adam's update number `step`, from 1, in Keras' form: epsilon stands beside the uncorrected root."""
    b1, b2 = recipe.beta_1, recipe.beta_2
    first = jax.tree.map(lambda m, g: m + (g - m) * (1 - b1), first, gradients)
    second = jax.tree.map(lambda v, g: v + (g * g - v) * (1 - b2), second, gradients)
    rate = recipe.learning_rate * jnp.sqrt(1 - b2**step) / (1 - b1**step)
    model = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + recipe.epsilon), model, first, second)
    return model, first, second


@functools.partial(jax.jit, donate_argnums=0)
def train_epoch(state, key, x_train, y_train):
    """The state after one pass over all images in new order, with the sum of the losses and how many were right.

    The state is the model, Adam's two averages, and the number of the next update.
    """

    def update(state, batch):
        model, first, second, step = state
        x, y = x_train[batch], y_train[batch]
        dropout_key = jax.random.fold_in(dropping, step)
        (loss, right), gradients = jax.value_and_grad(cross_entropy, has_aux=True)(model, x, y, dropout_key)
        model, first, second = adam(model, gradients, first, second, step)
        return (model, first, second, step + 1), (loss * len(batch), right)

    shuffling, dropping = jax.random.split(key)
    order = jax.random.permutation(shuffling, len(x_train))
    whole = len(order) // recipe.batch * recipe.batch
    state, (losses, rights) = jax.lax.scan(update, state, order[:whole].reshape(-1, recipe.batch))
    loss, right = losses.sum(), rights.sum()
    # The last, smaller batch has another shape, so the scan can't take it.
    if whole < len(order):
        state, (last_loss, last_right) = update(state, order[whole:])
        loss, right = loss + last_loss, right + last_right
    return state, loss, right


(x_train, y_train), (x_test, y_test) = (arrays(*split) for split in idx.load())
key = jax.random.key(seed)
model = init(jax.random.fold_in(key, 0))
state = (model, jax.tree.map(jnp.zeros_like, model), jax.tree.map(jnp.zeros_like, model), jnp.int32(1))

epoch_seconds = []
started = time.perf_counter()
for epoch in range(1, recipe.epochs + 1):
    epoch_started = time.perf_counter()
    state, loss, right = train_epoch(state, jax.random.fold_in(key, epoch), x_train, y_train)
    loss, right = float(loss), int(right)  # Waits for the epoch's end.
    epoch_seconds.append(time.perf_counter() - epoch_started)
    report.epoch(epoch, epoch_seconds[-1], loss / len(x_train), right / len(x_train))
fit_seconds = time.perf_counter() - started

accuracy = float((logits(state[0], x_test).argmax(1) == y_test).mean())
report.result("JAX", jax.__version__, fit_seconds, epoch_seconds, accuracy)
