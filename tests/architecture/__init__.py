"""What holds for the whole project and no single module can promise."""
