"""The routes, with a module per noun."""
