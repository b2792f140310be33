"""The OpenAPI document as a page."""
