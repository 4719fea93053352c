"""The catalogue: rules, dashboards and runbooks are found by glob, so adding a file adds the thing.

Everything here is pure: it reads files and returns plain frozen values with the text that ships. All problems of a folder come in
one ``CatalogError``, each as ``file:line:column: what is wrong; fix: what to do``, before any resource exists.

Not checked here is PromQL itself: the program runs without promtool. ``tests/data`` gives every expression to promtool.
"""

from catalog.dashboards import DATA_SOURCES, DashboardFile, load_dashboards
from catalog.issues import CatalogError, Issue
from catalog.loader import Catalog, load_catalog
from catalog.rules import Alert, RuleFile, load_rules
from catalog.runbooks import Runbook, load_runbooks

__all__ = [
    "DATA_SOURCES",
    "Alert",
    "Catalog",
    "CatalogError",
    "DashboardFile",
    "Issue",
    "RuleFile",
    "Runbook",
    "load_catalog",
    "load_dashboards",
    "load_rules",
    "load_runbooks",
]
