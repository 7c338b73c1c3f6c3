"""Measure how well a model reads digits and refuses what shows none."""
