"""Tables, images, splits, stores and batches: everything before the network."""
