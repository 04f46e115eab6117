"""Network, losses, weights, training and prediction (the only rooms that import Keras)."""
