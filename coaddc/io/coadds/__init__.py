"""The file of a coadd."""
