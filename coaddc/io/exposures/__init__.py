"""Exposures of a survey: found, described, opened, read."""
