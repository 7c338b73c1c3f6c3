"""Measure accuracy, robustness, styles and rejection of a model, and make the test pictures for it."""
