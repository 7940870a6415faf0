"""Cut the learning rate when the loss stays flat, keep the best weights, and see who did what."""

import argparse
from pathlib import Path

import keras
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import epochline
from epochline.callbacks import LearningRateRecorder, ModelCheckpoint

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--logdir", default="logs/checkpoint-with-plateau", help="run directory")
parser.add_argument("--epochs", type=int, default=60)
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
model.compile(
    loss="binary_crossentropy", optimizer=keras.optimizers.Adam(0.01), metrics=["accuracy"]
)
model.fit(
    *train,
    validation_data=val,
    epochs=args.epochs,
    batch_size=10,
    verbose=0,
    callbacks=[
        ModelCheckpoint(
            Path(args.logdir, "best.weights.h5"),
            monitor="val_loss",
            save_best_only=True,
            save_weights_only=True,
        ),
        keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.2, patience=5, min_lr=1e-6),
        LearningRateRecorder(args.logdir),
    ],
)

run = epochline.open_run(args.logdir)
for decision in run.decisions:
    if decision.topic == "learning_rate" and decision.acted:
        print(f"epoch {decision.epoch + 1:3}  {decision.sentence}")
best = run.best("val_loss")
print(f"epoch {best.epoch + 1:3}  {best.why}")
