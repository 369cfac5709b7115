"""From a camera's pixels to the picture that is sent."""
