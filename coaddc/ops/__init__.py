"""What one task does to pixels: science is decided here, pixels are moved in the kernels."""
