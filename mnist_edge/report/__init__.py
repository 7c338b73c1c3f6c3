"""A trained network as a page of pictures."""
