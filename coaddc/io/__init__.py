"""Formats: exposures and PSF models of surveys, and the file of a coadd."""
