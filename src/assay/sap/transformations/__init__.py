"""Field transformations: small pure operators, pipelines of them, and one for every canonical field."""

from assay.sap.transformations.codes import currency_digits
from assay.sap.transformations.numbers import line_total
from assay.sap.transformations.pipeline import OPERATORS, Pipeline
from assay.sap.transformations.reading import count, read_value, reads
from assay.sap.transformations.values import LOCALES, Context, Locale, TransformationError

__all__ = [
    "LOCALES",
    "OPERATORS",
    "Context",
    "Locale",
    "Pipeline",
    "TransformationError",
    "count",
    "currency_digits",
    "line_total",
    "read_value",
    "reads",
]
