"""`python -m docs.generate`: writes every generated page."""

from docs.generate import generated

for page, text in generated().items():
    page.write_text(text, encoding="utf-8")
