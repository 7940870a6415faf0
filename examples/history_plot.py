"""List and plot the history of a training, also long after the process has ended."""

import argparse
from pathlib import Path

import keras
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import epochline
from epochline.callbacks import Timeline

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--logdir", default="logs/history-plot", help="run directory")
parser.add_argument("--epochs", type=int, default=150)
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
    callbacks=[Timeline(args.logdir, monitor="val_accuracy")],
)

run = epochline.open_run(args.logdir)
print(f"Epochs: {len(run.history['loss'])}. Metrics and their last values:")
for name, values in run.history.items():
    print(f"  {name:14} {values[-1]:.4f}")
picture = run.plot(Path(args.logdir, "history.png"))
print(f"Curves with the checkpoints marked: {picture}")
