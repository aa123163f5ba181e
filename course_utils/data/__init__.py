"""Data: `files` (the search), `download`, images, glyphs, text, batches, and `corrupt`."""
