"""SAP: what its services accept, read from their own metadata and kept in a knowledge base."""
