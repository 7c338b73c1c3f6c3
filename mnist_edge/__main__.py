"""Run the command line as `python -m mnist_edge`."""

from mnist_edge.cli.app import main

main()
