"""The machine: runs a plan, tile by tile, within a memory budget."""
