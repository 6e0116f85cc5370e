"""Maps: the table of types, what a declaration says, and the user's side of a live map."""
