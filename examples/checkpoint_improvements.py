"""Save a checkpoint whenever the validation accuracy improves, each in a file of its own."""

import argparse
from pathlib import Path

import keras
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import epochline
from epochline.callbacks import ModelCheckpoint

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--logdir", default="logs/checkpoint-improvements", help="run directory")
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
checkpoint = ModelCheckpoint(
    Path(args.logdir, "weights-improvement-{epoch:02d}-{val_accuracy:.2f}.weights.h5"),
    monitor="val_accuracy",
    save_best_only=True,
    save_weights_only=True,
    verbose=1,
)
model.fit(
    *train,
    validation_data=val,
    epochs=args.epochs,
    batch_size=10,
    verbose=0,
    callbacks=[checkpoint],
)

print("\nWhat was saved, and why:")
for item in epochline.open_run(args.logdir).checkpoints:
    print(f"  {item.file.name}: {item.why}")
