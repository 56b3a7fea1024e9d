"""The one function that changes a case, and each rule it is made of."""
