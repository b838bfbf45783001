"""python tests/benchmarks/peers/run.py [--rows 1000000] [--runs 3] [--json FILE]: see the README beside this."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[1])  # `peers` is a package there
    from peers.measure import main

    main()
