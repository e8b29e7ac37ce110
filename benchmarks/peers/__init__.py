"""Common stacks to compare myapi with. They are not part of myapi."""
