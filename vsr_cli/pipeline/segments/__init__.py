"""Parts of a clip that are made apart: resuming, clusters."""
