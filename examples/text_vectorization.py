"""Save a model that reads raw text. Its vocabulary is in the `.keras` file.

Weights files and the legacy HDF5 format hold no vocabulary: a model with TextVectorization that is
loaded from `.h5` fails with "Table not initialized".
"""

import argparse
from pathlib import Path

import keras
import tensorflow as tf  # Keras computes TextVectorization with it, whatever the backend

import epochline
from epochline.callbacks import ModelCheckpoint

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--logdir", default="logs/text-vectorization", help="run directory")
parser.add_argument("--epochs", type=int, default=40)
args = parser.parse_args()

keras.utils.set_random_seed(7)
PRAISE, BLAME = ("good", "great", "lovely", "fine"), ("bad", "awful", "boring", "poor")
THINGS = ("film", "story", "cast", "music", "end", "script")
texts = [f"a {word} {thing}" for word in PRAISE + BLAME for thing in THINGS]
labels = [float(word in PRAISE) for word in PRAISE + BLAME for _ in THINGS]
x, y = tf.constant(texts)[:, None], tf.constant(labels)[:, None]

vectorize = keras.layers.TextVectorization(max_tokens=50, output_sequence_length=4)
vectorize.adapt(texts)
model = keras.Sequential(
    [
        keras.layers.Input((1,), dtype="string"),
        vectorize,
        keras.layers.Embedding(50, 8),
        keras.layers.GlobalAveragePooling1D(),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(
    loss="binary_crossentropy", optimizer=keras.optimizers.Adam(0.02), metrics=["accuracy"]
)
checkpoint = ModelCheckpoint(Path(args.logdir, "best.keras"), monitor="loss", save_best_only=True)
model.fit(x, y, epochs=args.epochs, batch_size=8, verbose=0, callbacks=[checkpoint])

best = epochline.open_run(args.logdir).best("loss")
print(f"Best: epoch {best.epoch + 1}, loss {best.metrics['loss']:.4f}, {best.file}")
loaded = keras.saving.load_model(best.file)
print(f"Words it knows: {len(loaded.layers[0].get_vocabulary())}")
for text in ("a lovely story", "a boring script"):
    score = float(loaded.predict(tf.constant([[text]]), verbose=0)[0, 0])
    print(f"  {score:.2f}  {text}")
