"""Parts of pages that show an answer."""
