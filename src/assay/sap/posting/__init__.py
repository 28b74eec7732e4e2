"""Posts payloads to SAP's OData services, each exactly once, and says what became of them."""
