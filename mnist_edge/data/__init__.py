"""The MNIST files, and digits drawn by code."""
