"""What one text changes against another: each change a sentence, with its grade and whose consent it needs."""
