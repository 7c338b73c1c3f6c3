"""Train two digit networks of under 25,000 parameters, and the command line around them."""

__version__ = "0.1.0"
