"""PSF models: from files, and measured from stars."""
