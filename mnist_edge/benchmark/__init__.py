"""How fast models run and are trained, and what they cost a device, against what else a user would pick."""
