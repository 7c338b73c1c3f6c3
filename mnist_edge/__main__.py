"""Entry point of `python -m mnist_edge`."""

from mnist_edge.cli.app import main

main()
