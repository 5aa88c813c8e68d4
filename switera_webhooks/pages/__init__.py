"""What the pages of all rooms share: errors, the theme, badges, code blocks, forms (docs/pages.md)."""
