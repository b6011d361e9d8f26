"""A field as a video or picture."""
