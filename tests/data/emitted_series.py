"""The table of emitted series."""

from pathlib import Path

import yaml

TABLE = yaml.safe_load((Path(__file__).parent / "emitted_series.yaml").read_text())
EMITTERS = TABLE["emitters"]
