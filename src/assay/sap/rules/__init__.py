"""Business rules: declarative, typed, total; each with examples that are run as tests."""

from assay.sap.rules.evidence import Evidence, Master, Settings
from assay.sap.rules.history import History, Past
from assay.sap.rules.rule import Finding, Rule
from assay.sap.rules.rulebook import Rulebook, check, explain, rules

__all__ = [
    "Evidence",
    "Finding",
    "History",
    "Master",
    "Past",
    "Rule",
    "Rulebook",
    "Settings",
    "check",
    "explain",
    "rules",
]
