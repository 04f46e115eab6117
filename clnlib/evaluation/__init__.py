"""Metrics, intervals and baselines, computed from run records without Keras."""
