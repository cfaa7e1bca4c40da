"""Training on the store's data sets: one file a method, each a thin wrapper of TRL's trainer of that name.

`train/harness/` holds what they share: reading the data set, the YAML, the model, the run's record.
"""
