"""Arrays in, arrays out: compiled loops over pixels, which know nothing of coaddc."""
