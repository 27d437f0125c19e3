package main

// hasPendingInput is false: consoles on Windows are not asked.
func hasPendingInput(int) bool { return false }
