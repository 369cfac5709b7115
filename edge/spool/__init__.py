"""The queue on disk: what was taken is kept until it has arrived."""
