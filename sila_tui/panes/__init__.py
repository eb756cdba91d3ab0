"""What a space screen shows beside its sidebar: each pane asks for its part and draws it."""
