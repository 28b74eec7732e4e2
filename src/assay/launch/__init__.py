"""Many runs: the recipes of a pack one after the other, and what became of them side by side."""
