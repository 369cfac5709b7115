"""The things a box is built of: buttons, cameras, and a folder of images that stands in for both."""
