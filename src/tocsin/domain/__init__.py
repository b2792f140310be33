"""Rules of the product as pure functions: no clock, no chance, no input or output."""
