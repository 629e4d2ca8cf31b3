"""What came of a run, for people and for machines: each form in a file, all made of the same RunResult."""
