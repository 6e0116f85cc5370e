"""What a program must satisfy before code is generated for it."""
