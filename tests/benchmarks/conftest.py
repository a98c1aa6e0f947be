import sys
from pathlib import Path

# Benchmarks are scripts, which import one another from their own folder.
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
