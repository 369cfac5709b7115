"""What a box tells about itself, and how it is kept running."""
