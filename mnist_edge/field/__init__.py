"""The field suite: MNIST's test images as people's photographs, and with standard corruptions."""
