"""The proof of the proof: random mutations that drills must see, and honest drills that must not alarm."""
