"""Which releases are deployed as which colour, as Serve's config."""
