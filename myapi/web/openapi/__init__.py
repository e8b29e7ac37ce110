"""The OpenAPI 3.1 description of the API, and a page to read and try it."""
