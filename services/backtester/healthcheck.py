"""Exit code 0 if a backtest could start: its modules can be imported. (A Job's health is its exit code.)"""

import importlib
import sys

try:
    importlib.import_module("backtester.backtester_main")
except ImportError as error:
    sys.exit(f"the backtester cannot be imported: {error}")
