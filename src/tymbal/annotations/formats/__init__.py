"""One file per label format; each ends in a `FORMAT` that the registry lists."""
