"""From the words of a command line to assemblies; the only place with Hydra."""
