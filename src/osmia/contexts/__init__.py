"""What each kind of program is called with, and what it returns."""
