"""Networks, recipes and the training loop, up to a checkpoint."""
