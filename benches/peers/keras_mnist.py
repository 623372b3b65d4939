"""The program of Keras' tutorial, as it stands there, on the files of data/mnist."""

import report  # First: it takes the time.

import time

import idx
import keras
import tensorflow
from recipe import arguments

recipe, seed = arguments()
keras.utils.set_random_seed(seed)

(x_train, y_train), (x_test, y_test) = idx.load()
x_train, x_test = x_train / 255.0, x_test / 255.0

layers = [keras.Input((28, 28)), keras.layers.Flatten()]
for width in recipe.hidden:
    layers.append(keras.layers.Dense(width, activation="relu"))
    if recipe.dropout:
        layers.append(keras.layers.Dropout(recipe.dropout))
layers.append(keras.layers.Dense(recipe.classes, activation="softmax"))
model = keras.Sequential(layers)
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])


class Clock(keras.callbacks.Callback):
    """Takes the time of each epoch."""

    seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self.started)
        report.epoch(epoch + 1, self.seconds[-1], logs["loss"], logs["accuracy"])


started = time.perf_counter()
# No progress bar: writing it into a file would only take time.
model.fit(x_train, y_train, batch_size=recipe.batch, epochs=recipe.epochs, verbose=0, callbacks=[Clock()])
fit_seconds = time.perf_counter() - started

loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
report.result("Keras", f"{keras.__version__}, TensorFlow {tensorflow.__version__}", fit_seconds, Clock.seconds, accuracy)
