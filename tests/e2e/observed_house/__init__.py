"""A package, since pytest ends a package's house after its tests and a mere folder's at the end of all."""
