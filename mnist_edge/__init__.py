"""Train and benchmark digit networks of fewer than 25,000 parameters, and the `mnist-edge` command line."""

__version__ = "0.1.0"
