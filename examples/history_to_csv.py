"""Save the history of a training to a text file."""

import argparse
import csv
from pathlib import Path

import keras
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import epochline
from epochline.callbacks import Timeline

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--logdir", default="logs/history-to-csv", help="run directory")
parser.add_argument("--epochs", type=int, default=50)
args = parser.parse_args()

keras.utils.set_random_seed(7)
x, y = load_breast_cancer(return_X_y=True)
x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=0.33, random_state=7)
scaler = StandardScaler().fit(x_train)
train, val = (scaler.transform(x_train), y_train), (scaler.transform(x_val), y_val)

model = keras.Sequential(
    [
        keras.layers.Input((30,)),
        keras.layers.Dense(12, activation="relu"),
        keras.layers.Dense(8, activation="relu"),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
model.fit(
    *train,
    validation_data=val,
    epochs=args.epochs,
    batch_size=10,
    verbose=0,
    callbacks=[Timeline(args.logdir, save=None)],  # records only, saves no checkpoints
)

# `epochline history LOGDIR --csv` writes the same.
history = epochline.open_run(args.logdir).history
path = Path(args.logdir, "history.csv")
with path.open("w", newline="") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["epoch", *history])
    for index, row in enumerate(zip(*history.values(), strict=True)):
        writer.writerow([index + 1, *row])
print(f"{len(history['loss'])} epochs written to {path}, columns: {', '.join(history)}")
