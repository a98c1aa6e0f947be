"""Sky maps: tracts and patches, and which exposures lie on them."""
