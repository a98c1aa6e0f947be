"""coaddc, the coadd compiler: the descriptors of a coadd are keys of its data ID."""
