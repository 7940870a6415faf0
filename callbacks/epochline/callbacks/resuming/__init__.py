"""What an exact resume takes from a training and puts back, one kind of state in each module.

`variables` (weights, optimizer, metrics), `randomness` (random state of the process), `attributes`
(counters of callbacks and data sources), `data` (position in the training data), `script` (is it
the same training?), `preemption` (signals). `epochline.callbacks.resume` decides when.
"""
