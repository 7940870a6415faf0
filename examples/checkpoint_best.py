"""Keep the best weights only, load them into a new model, and evaluate it."""

import argparse
from pathlib import Path

import keras
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import epochline
from epochline.callbacks import ModelCheckpoint

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--logdir", default="logs/checkpoint-best", help="run directory")
parser.add_argument("--epochs", type=int, default=150)
args = parser.parse_args()

keras.utils.set_random_seed(7)
x, y = load_breast_cancer(return_X_y=True)
x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=0.33, random_state=7)
scaler = StandardScaler().fit(x_train)
train, val = (scaler.transform(x_train), y_train), (scaler.transform(x_val), y_val)


def new_model() -> keras.Model:
    """Returns the untrained network."""
    layers = [
        keras.layers.Input((30,)),
        keras.layers.Dense(12, activation="relu"),
        keras.layers.Dense(8, activation="relu"),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
    model = keras.Sequential(layers)
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


best_file = Path(args.logdir, "best.weights.h5")
checkpoint = ModelCheckpoint(
    best_file, monitor="val_accuracy", save_best_only=True, save_weights_only=True
)
new_model().fit(
    *train,
    validation_data=val,
    epochs=args.epochs,
    batch_size=10,
    verbose=0,
    callbacks=[checkpoint],
)

best = epochline.open_run(args.logdir).best("val_accuracy")
print(f"Epoch {best.epoch + 1} was best. Recorded: {best.metrics['val_accuracy']:.4f}")

model = new_model()
model.optimizer.build(model.trainable_variables)  # else Keras skips the optimizer's state
model.load_weights(best_file)  # a plain Keras file; best.restore(model) also checks its digest
print(f"Loaded and evaluated: {model.evaluate(*val, verbose=0, return_dict=True)['accuracy']:.4f}")
