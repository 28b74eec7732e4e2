"""Builders of the datasets under src/assay/catalogue/data, one module for each kind of text."""
