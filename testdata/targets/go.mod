module rtdbgtargets

go 1.18
