"""The way to the cluster: connection, order, tries, time and keys."""
