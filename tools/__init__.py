"""Write the generated tables and pictures of README.md and docs/. Not installed."""
