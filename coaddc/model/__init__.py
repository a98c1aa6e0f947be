"""Values that all layers exchange; frozen, and pure."""
