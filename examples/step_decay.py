"""Halve the learning rate every ten epochs, and record each change."""

import argparse

import keras
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import epochline
from epochline.callbacks import LearningRateRecorder

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--logdir", default="logs/step-decay", help="run directory")
parser.add_argument("--epochs", type=int, default=50)
args = parser.parse_args()

keras.utils.set_random_seed(7)
x, y = load_breast_cancer(return_X_y=True)
x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=0.33, random_state=7)
scaler = StandardScaler().fit(x_train)
train, val = (scaler.transform(x_train), y_train), (scaler.transform(x_val), y_val)


def step_decay(epoch: int) -> float:
    """Returns the learning rate of a zero-based epoch."""
    return 0.1 * 0.5 ** ((1 + epoch) // 10)


model = keras.Sequential(
    [
        keras.layers.Input((30,)),
        keras.layers.Dense(12, activation="relu"),
        keras.layers.Dense(8, activation="relu"),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(
    loss="binary_crossentropy",
    optimizer=keras.optimizers.SGD(0.1, momentum=0.9),
    metrics=["accuracy"],
)
model.fit(
    *train,
    validation_data=val,
    epochs=args.epochs,
    batch_size=28,
    verbose=0,
    callbacks=[
        keras.callbacks.LearningRateScheduler(step_decay),
        LearningRateRecorder(args.logdir),
    ],
)

for decision in epochline.open_run(args.logdir).decisions:
    print(f"epoch {decision.epoch + 1:3}  {decision.sentence}")
