"""Was a suspect model made from ours, where no mark tells? Twins, behaviour, weights."""
