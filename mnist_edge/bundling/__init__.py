"""Bundles: the predictor and a model as a package of their own, for devices that know nothing of this project."""
