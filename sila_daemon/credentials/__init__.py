"""Who is signed in to which server, and the tokens that prove it."""
