"""Measures a box."""
