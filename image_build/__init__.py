"""How the platform's images are made: recipes, checks of the checkout, and each build's context."""
