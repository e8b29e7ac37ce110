"""The description of the API in OpenAPI 3.1, and a page to read and try it."""
