"""What counts on a day, and the counted days read for pages."""
