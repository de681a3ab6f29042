"""What only a check asks: signs of trouble that no step of a run has to know."""
