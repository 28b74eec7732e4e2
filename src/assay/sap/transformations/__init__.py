"""Field transformations: small pure operators, pipelines of them, and one for every canonical field."""

from assay.sap.transformations.codes import currency_digits
from assay.sap.transformations.numbers import line_total
from assay.sap.transformations.pipeline import OPERATORS, Pipeline
from assay.sap.transformations.reading import count, read_value, reads
from assay.sap.transformations.tables import load_tables
from assay.sap.transformations.values import (
    LOCALES,
    NO_TABLES,
    Context,
    Locale,
    Tables,
    TransformationError,
)

__all__ = [
    "LOCALES",
    "NO_TABLES",
    "OPERATORS",
    "Context",
    "Locale",
    "Pipeline",
    "Tables",
    "TransformationError",
    "count",
    "currency_digits",
    "line_total",
    "load_tables",
    "read_value",
    "reads",
]
