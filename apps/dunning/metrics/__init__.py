"""What the figures mean: definitions, rates, causes, and the claims they are held against."""
