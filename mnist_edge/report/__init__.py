"""Train networks and write an HTML report about them: curves, mistakes, calibration, costs and filters."""
