"""Bad input: each case is met for real, says what is wrong and what to do, and leaves nothing behind."""
