"""What browsers call: public, hot, and narrow."""
